//! A model's weights as a plain list: names, shapes, flat values.
//!
//! The optimizer, checkpoints and exchange all work on this list, so none of them knows a module's structure.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Gradients, Tensor},
};

/// One weight.
#[derive(Debug, Clone)]
pub struct Flat {
    /// Its path in the model, such as `encoder.layers.0.qkv.weight`.
    pub name: String,
    /// One or two axes.
    pub shape: Vec<usize>,
    /// All values, row-major, outside any gradient graph.
    pub values: Tensor<1>,
}

/// Why weights do not fit a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightError {
    /// The model wants a weight that is not there.
    #[error("the weights have no `{name}`")]
    Missing {
        /// The weight's path.
        name: String,
    },
    /// A weight has another shape.
    #[error("weight `{name}` has shape {found:?} where the model wants {wanted:?}")]
    Shape {
        /// The weight's path.
        name: String,
        /// What was given.
        found: Vec<usize>,
        /// What the model wants.
        wanted: Vec<usize>,
    },
    /// A weight of ours that the other program's encoder does not have.
    #[error("weight `{ours}` has no counterpart in the hand-written PyTorch encoder")]
    NoCounterpart {
        /// Our name.
        ours: String,
    },
}

/// All weights, in the model's order; a tied weight once.
pub fn flat_weights<M: Module>(model: &M) -> Vec<Flat> {
    let mut list = Lister { path: Vec::new(), found: Vec::new() };
    model.visit(&mut list);
    list.found
}

/// The gradient of each weight, in the order of [`flat_weights`]; none where the loss does not depend on it.
pub fn flat_gradients<M: Module>(model: &M, gradients: &mut Gradients) -> Vec<Option<Tensor<1>>> {
    let mut taker = Taker { gradients, found: Vec::new() };
    model.visit(&mut taker);
    taker.found
}

/// The model with other values, given in the order of [`flat_weights`].
///
/// # Panics
/// If there are not as many as the model has, or one has another count of values.
pub fn with_weights<M: Module>(model: M, values: Vec<Tensor<1>>) -> M {
    let mut values = values.into_iter();
    let model = map_weights(model, |_, _| values.next().expect("a value for each of the model's weights"));
    assert!(values.next().is_none(), "more values than the model has weights");
    model
}

/// The model with each weight's flat values, numbered in the order of [`flat_weights`], put through `change`.
///
/// The values are moved out of the model: `change` may write over them.
pub fn map_weights<M: Module>(model: M, change: impl FnMut(usize, Tensor<1>) -> Tensor<1>) -> M {
    model.map(&mut Changer { change, next: 0 })
}

struct Lister {
    path: Vec<String>,
    found: Vec<Flat>,
}

impl ModuleVisitor for Lister {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values = tensor.without_autodiff().reshape([-1]);
        self.found.push(Flat { name: self.path.join("."), shape, values });
    }
}

struct Taker<'a> {
    gradients: &'a mut Gradients,
    found: Vec<Option<Tensor<1>>>,
}

impl ModuleVisitor for Taker<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        self.found.push(param.val().grad_remove(self.gradients).map(|gradient| gradient.reshape([-1])));
    }
}

struct Changer<F> {
    change: F,
    next: usize,
}

impl<F: FnMut(usize, Tensor<1>) -> Tensor<1>> ModuleMapper for Changer<F> {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        let (id, old, mapper) = param.consume();
        let (shape, with_graph, with_gradient) = (old.dims(), old.is_autodiff(), old.is_require_grad());
        let mut tensor = (self.change)(self.next, old.without_autodiff().reshape([-1])).reshape(shape);
        self.next += 1;
        if with_graph {
            tensor = tensor.autodiff();
        }
        if with_gradient {
            tensor = tensor.require_grad();
        }
        Param::from_mapped_value(id, tensor, mapper)
    }
}
