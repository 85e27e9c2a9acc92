//! Attention by blocks of queries: no T × T matrix stands in memory, in neither direction.

use rayon::prelude::*;

use super::{
    matrix::{Mat, MatMut, Onto, Threads, product},
    wide::{dot, exp_in_place, max, wide},
};
use crate::{Spans, dropout::Dropper, rotary::RotaryTable};

/// Weights of a block of queries: 256 kB, so that a block stays in a second-level cache.
const BLOCK: usize = 65_536;

/// What is worked on: `[tokens, 3D]`, rows, heads.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// Queries, keys and values side by side.
    pub(crate) qkv: &'a [f32],
    pub(crate) spans: &'a Spans,
    pub(crate) heads: usize,
    pub(crate) drop: Option<Dropper>,
    pub(crate) rotary: Option<&'a RotaryTable>,
    /// Tokens to either side that a query sees.
    pub(crate) reach: Option<usize>,
}

/// One head of one row.
struct Head<'a> {
    q: Mat<'a>,
    k: Mat<'a>,
    v: Mat<'a>,
    tokens: usize,
    /// What scores are multiplied by.
    scale: f32,
    drop: Option<Dropper>,
    reach: Option<usize>,
    /// Weights of the rows and heads before this one: where its dropout counts from.
    first_weight: usize,
}

/// The weighted values, `[tokens, D]`, and of each row, head and query the logarithm of its softmax's sum.
pub(crate) fn attention(inputs: Inputs) -> (Vec<f32>, Vec<f32>) {
    let width = inputs.qkv.len() / inputs.spans.total() / 3;
    let mut out = vec![0.0; inputs.spans.total() * width];
    let mut log_sums = vec![0.0; inputs.spans.total() * inputs.heads];
    let outs = per_head(&mut out, width, inputs.heads, inputs.spans);
    let tasks = outs.into_iter().zip(parts_of(&mut log_sums, inputs)).enumerate().collect::<Vec<_>>();
    tasks.into_par_iter().for_each_init(Vec::new, |scratch, (task, (out, log_sums))| {
        let turned = turned(inputs, task);
        head_forward(&head_of(inputs, task, turned.as_ref()), out, log_sums, scratch);
    });
    (out, log_sums)
}

/// The gradient of `qkv`, `[tokens, 3D]`. `out` and `log_sums` are what [`attention`] returned.
pub(crate) fn attention_backward(inputs: Inputs, out: &[f32], log_sums: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (tokens, heads) = (inputs.spans.total(), inputs.heads);
    let width = gradient.len() / tokens;
    let mut of_qkv = vec![0.0; tokens * 3 * width];
    let spans = MatMut::new(&mut of_qkv, tokens, 3 * width).split_rows(inputs.spans);
    let triples = spans.into_iter().flat_map(|row| {
        let mut q = row.split_columns(width / heads);
        let mut k = q.split_off(heads);
        let v = k.split_off(heads);
        q.into_iter().zip(k).zip(v)
    });
    let tasks = triples.enumerate().collect::<Vec<_>>();
    tasks.into_par_iter().for_each_init(Default::default, |scratch, (task, ((of_q, of_k), of_v))| {
        let turned = turned(inputs, task);
        let head = head_of(inputs, task, turned.as_ref());
        let (span, column) = place_of(inputs, task, width);
        let view = |values| Mat::new(values, tokens, width).rows(span.first, span.count).columns(column, width / heads);
        let first_log_sum = span.first * heads + task % heads * span.count;
        let upstream = Upstream {
            out: view(out),
            gradient: view(gradient),
            log_sums: &log_sums[first_log_sum..first_log_sum + span.count],
        };
        head_backward(&head, &upstream, [of_q, of_k, of_v], inputs.rotary, scratch);
    });
    of_qkv
}

/// What the backward pass of a head knows of its output.
struct Upstream<'a> {
    out: Mat<'a>,
    gradient: Mat<'a>,
    log_sums: &'a [f32],
}

fn head_forward(head: &Head, mut out: MatMut, log_sums: &mut [f32], scores: &mut Vec<f32>) {
    for (first, count) in blocks(head.tokens) {
        scores.resize(count * head.tokens, 0.0);
        let block = MatMut::new(scores, count, head.tokens);
        product(block, Onto::Replace, head.scale, head.q.rows(first, count), head.k.t(), Threads::One);
        weigh_rows(head, scores, &mut log_sums[first..], first);
        let weights = Mat::new(scores, count, head.tokens);
        product(out.rows(first, count), Onto::Replace, 1.0, weights, head.v, Threads::One);
    }
}

wide! {
    /// Scores to dropped weights; leaves the logarithm of each row's sum.
    fn weigh_rows(head: &Head, scores: &mut [f32], log_sums: &mut [f32], first: usize) {
        for (at, (row, log_sum)) in scores.chunks_exact_mut(head.tokens).zip(log_sums).enumerate() {
            head.hide(row, first + at);
            let largest = max(row);
            let sum = exp_in_place(row, largest);
            *log_sum = largest + sum.ln();
            head.weigh(row, first + at, 1.0 / sum);
        }
    }

    /// Scores and gradients of the weights to what the products of the backward pass need.
    fn differentiate_rows(
        head: &Head,
        upstream: &Upstream,
        weights: &mut [f32],
        gradients: &mut [f32],
        first: usize,
    ) {
        let rows = weights.chunks_exact_mut(head.tokens).zip(gradients.chunks_exact_mut(head.tokens));
        for (at, (weights, gradients)) in rows.enumerate() {
            head.hide(weights, first + at);
            exp_in_place(weights, upstream.log_sums[first + at]);
            let along = dot(upstream.gradient.row(first + at), upstream.out.row(first + at));
            head.differentiate(weights, gradients, first + at, along);
        }
    }

    fn turn_rows(values: &mut [f32], head: usize, rotary: &RotaryTable) {
        values.chunks_exact_mut(head).enumerate().for_each(|(token, row)| rotary.turn(row, token));
    }

    fn turn_rows_back(values: &mut MatMut, rotary: &RotaryTable) {
        (0..values.count()).for_each(|token| rotary.turn_back(values.row(token), token));
    }
}

impl Head<'_> {
    /// Scores of keys beyond the query's reach become such that their weight is 0.
    #[inline(always)]
    fn hide(&self, row: &mut [f32], query: usize) {
        let Some(reach) = self.reach else { return };
        row[..query.saturating_sub(reach)].fill(f32::NEG_INFINITY);
        row[(query + reach + 1).min(self.tokens)..].fill(f32::NEG_INFINITY);
    }

    /// Divides a row by its sum, and drops.
    #[inline(always)]
    fn weigh(&self, row: &mut [f32], query: usize, factor: f32) {
        match self.drop {
            Some(drop) => {
                let first = self.first_weight + query * self.tokens;
                for (at, weight) in row.iter_mut().enumerate() {
                    *weight *= factor * drop.factor((first + at) as u32);
                }
            }
            None => row.iter_mut().for_each(|weight| *weight *= factor),
        }
    }

    /// Turns a row of weights P and of their gradients G into what the products with values and keys need:
    /// P dropped, and P · (G dropped − `along`) · scale, the gradient of the scores before scaling.
    ///
    /// # Source
    /// Dao et al. 2022, algorithm 4, lines 13 to 17.
    #[inline(always)]
    fn differentiate(&self, weights: &mut [f32], gradients: &mut [f32], query: usize, along: f32) {
        let first = self.first_weight + query * self.tokens;
        for (at, (weight, gradient)) in weights.iter_mut().zip(gradients).enumerate() {
            let kept = self.drop.map_or(1.0, |drop| drop.factor((first + at) as u32));
            *gradient = *weight * gradient.mul_add(kept, -along) * self.scale;
            *weight *= kept;
        }
    }
}

/// Memory of one thread's backward pass.
#[derive(Default)]
struct Scratch {
    weights: Vec<f32>,
    gradients: Vec<f32>,
}

fn head_backward(
    head: &Head,
    upstream: &Upstream,
    [mut of_q, mut of_k, mut of_v]: [MatMut; 3],
    rotary: Option<&RotaryTable>,
    scratch: &mut Scratch,
) {
    let Scratch { weights, gradients } = scratch;
    for (first, count) in blocks(head.tokens) {
        weights.resize(count * head.tokens, 0.0);
        gradients.resize(count * head.tokens, 0.0);
        let (q, gradient) = (head.q.rows(first, count), upstream.gradient.rows(first, count));
        let square = |values| MatMut::new(values, count, head.tokens);
        product(square(weights), Onto::Replace, head.scale, q, head.k.t(), Threads::One);
        product(square(gradients), Onto::Replace, 1.0, gradient, head.v.t(), Threads::One);
        differentiate_rows(head, upstream, weights, gradients, first);
        let weights = Mat::new(weights, count, head.tokens);
        let of_scores = Mat::new(gradients, count, head.tokens);
        let onto = if first == 0 { Onto::Replace } else { Onto::Add };
        let all = head.tokens;
        product(of_q.rows(first, count), Onto::Replace, 1.0, of_scores, head.k, Threads::One);
        product(of_k.rows(0, all), onto, 1.0, of_scores.t(), q, Threads::One);
        product(of_v.rows(0, all), onto, 1.0, weights.t(), gradient, Threads::One);
    }
    if let Some(rotary) = rotary {
        turn_rows_back(&mut of_q, rotary);
        turn_rows_back(&mut of_k, rotary);
    }
}

/// First row and count of each block of queries.
fn blocks(tokens: usize) -> impl Iterator<Item = (usize, usize)> {
    let rows = (BLOCK / tokens.max(1)).clamp(16, tokens.max(16));
    (0..tokens).step_by(rows).map(move |first| (first, rows.min(tokens - first)))
}

/// Row and first column of a task: rows in order, all heads of a row before the next.
fn place_of(inputs: Inputs, task: usize, width: usize) -> (crate::Span, usize) {
    (inputs.spans.all()[task / inputs.heads], task % inputs.heads * (width / inputs.heads))
}

/// Queries and keys of a task turned by their positions, `[tokens, H]` each, where there are rotary positions.
fn turned(inputs: Inputs, task: usize) -> Option<[Vec<f32>; 2]> {
    let rotary = inputs.rotary?;
    let width = inputs.qkv.len() / inputs.spans.total() / 3;
    let (span, column) = place_of(inputs, task, width);
    let head = width / inputs.heads;
    let all = Mat::new(inputs.qkv, inputs.spans.total(), 3 * width).rows(span.first, span.count);
    let turn = |first_column: usize| {
        let part = all.columns(first_column + column, head);
        let mut values = Vec::with_capacity(span.count * head);
        (0..span.count).for_each(|token| values.extend_from_slice(part.row(token)));
        turn_rows(&mut values, head, rotary);
        values
    };
    Some([turn(0), turn(width)])
}

fn head_of<'a>(inputs: Inputs<'a>, task: usize, turned: Option<&'a [Vec<f32>; 2]>) -> Head<'a> {
    let width = inputs.qkv.len() / inputs.spans.total() / 3;
    let (span, column) = place_of(inputs, task, width);
    let head = width / inputs.heads;
    let all = Mat::new(inputs.qkv, inputs.spans.total(), 3 * width).rows(span.first, span.count);
    let part = |first_column: usize| all.columns(first_column + column, head);
    let turned = turned.map(|[q, k]| (Mat::new(q, span.count, head), Mat::new(k, span.count, head)));
    let (q, k) = turned.unwrap_or_else(|| (part(0), part(width)));
    let before = inputs.spans.all()[..task / inputs.heads].iter().map(|span| span.count * span.count);
    let first_weight = before.sum::<usize>() * inputs.heads + task % inputs.heads * span.count * span.count;
    let scale = (head as f32).powf(-0.5);
    let Inputs { drop, reach, .. } = inputs;
    Head { q, k, v: part(2 * width), tokens: span.count, scale, drop, reach, first_weight }
}

/// Each task's columns of `[tokens, D]`.
fn per_head<'a>(values: &'a mut [f32], width: usize, heads: usize, spans: &Spans) -> Vec<MatMut<'a>> {
    let rows = MatMut::new(values, spans.total(), width).split_rows(spans);
    rows.into_iter().flat_map(|row| row.split_columns(width / heads)).collect()
}

/// Each task's part of `[rows][heads][tokens of the row]`.
fn parts_of<'a>(values: &'a mut [f32], inputs: Inputs) -> Vec<&'a mut [f32]> {
    let mut rest = values;
    let mut parts = Vec::new();
    for span in inputs.spans.all() {
        for _ in 0..inputs.heads {
            let (part, more) = rest.split_at_mut(span.count);
            parts.push(part);
            rest = more;
        }
    }
    parts
}
