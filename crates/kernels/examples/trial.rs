use casebook_kernels::*;
use burn::tensor::{Device, DeviceKind, Int, Tensor, TensorData, activation::gelu};
struct W { shapes: Vec<Vec<usize>>, vals: Vec<Vec<f32>> }
fn rnd(n: usize, k: &mut u64, s: f32) -> Vec<f32> { (0..n).map(|_| { *k = k.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); (((*k >> 33) as f32) / (1u64<<31) as f32 - 0.5) * 2.0 * s }).collect() }
const D: usize = 64; const F: usize = 128; const V: usize = 2000; const B: usize = 2; const T: usize = 64; const L: usize = 2;
fn weights() -> W {
  let mut k = 42u64; let mut shapes = vec![vec![V, D], vec![T, D]];
  for _ in 0..L { shapes.extend([vec![D, 3*D], vec![3*D], vec![D, D], vec![D], vec![D], vec![D], vec![D, F], vec![F], vec![F, D], vec![D], vec![D], vec![D]]); }
  let vals = shapes.iter().map(|s| rnd(s.iter().product(), &mut k, 0.05)).collect(); W { shapes, vals } }
fn one(device: &Device, w: &W, drop: Option<DropSource>) -> (f32, Vec<Vec<f32>>) {
  let flat: Vec<Tensor<1>> = w.vals.iter().map(|v| Tensor::<1>::from_data(TensorData::new(v.clone(), [v.len()]), device).require_grad()).collect();
  let m = |i: usize| -> Tensor<2> { flat[i].clone().reshape([w.shapes[i][0], w.shapes[i][1]]) };
  let v = |i: usize| -> Tensor<1> { flat[i].clone() };
  let mut k = 7u64;
  let ids: Vec<i32> = rnd(B*T, &mut k, 1.0).iter().map(|x| ((x + 1.0) * 999.0) as i32).collect();
  let pos: Vec<i32> = (0..19).map(|i| i * 6 + 1).collect();
  let lab: Vec<i32> = rnd(19, &mut k, 1.0).iter().map(|x| ((x + 1.0) * 999.0) as i32).collect();
  let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [B*T]), device);
  let mut h: Tensor<3> = m(0).select(0, ids).reshape([B, T, D]) + m(1).unsqueeze::<3>();
  h = dropout(h, 0.1, drop.map(|d| d.site(0)));
  for l in 0..L { let o = 2 + 12 * l;
    let n = layer_norm(h.clone(), v(o+4) + 1.0, v(o+5), 1e-12);
    let how = Attention { heads: 4, dropout: 0.1, drop_site: drop.map(|d| d.site(l as u64 + 1)), rotary: None };
    let a = linear(attention(linear(n, m(o), v(o+1)), None, how), m(o+2), v(o+3));
    h = h + a;
    let n = layer_norm(h.clone(), v(o+10) + 1.0, v(o+11), 1e-12);
    h = h + linear(gelu(linear(n, m(o+6), v(o+7))), m(o+8), v(o+9)); }
  let pos = Tensor::<1, Int>::from_data(TensorData::new(pos, [19]), device);
  let lab = Tensor::<1, Int>::from_data(TensorData::new(lab, [19]), device);
  let logits = h.reshape([B*T, D]).select(0, pos).matmul(m(0).transpose());
  let s = score(logits, lab);
  let loss = s.nll.mean();
  let lv = loss.clone().into_data().iter::<f32>().next().unwrap();
  let g = loss.backward();
  let grads = flat.iter().map(|t| t.grad(&g).expect("grad").into_data().iter::<f32>().collect()).collect();
  (lv, grads) }
fn main() {
  let w = weights();
  for on in [false, true] {
    let src = |host| on.then_some(DropSource { key: 99, on_host: host });
    let (lc, gc) = one(&Device::flex().autodiff(), &w, src(true));
    for kind in [DeviceKind::Cpu] {
      let t = std::time::Instant::now();
      let (lg, gg) = one(&Device::wgpu(kind.clone()).autodiff(), &w, src(false));
      println!("dropout {on}: loss cpu {lc} gpu {lg} ({:?})", t.elapsed());
      let mut worst = (0f32, 0usize); let mut zeros = 0;
      for (i, (a, b)) in gc.iter().zip(&gg).enumerate() {
        let d = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0f32, f32::max);
        if b.iter().all(|x| *x == 0.0) { zeros += 1; }
        if d > worst.0 { worst = (d, i); } }
      println!("  worst gradient difference {:e} at weight {}; all-zero gradients {zeros}; largest gradient {:e}", worst.0, worst.1, gc.iter().flatten().fold(0f32, |m, x| m.max(x.abs())));
    } } }
