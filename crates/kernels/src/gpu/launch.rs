//! From tensors to buffers: what every launch needs.

use burn::tensor::{DType, Shape};
use burn_cubecl::{
    CubeDevice, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor,
};
use cubecl::{CubeCount, CubeDim, calculate_cube_count_elemwise, client::Client, prelude::BufferArg};

/// Units of a cube in every kernel: WebGPU promises no more, and a power of two, for [`super::reduce`] halves it.
pub(crate) const UNITS: usize = 256;

/// A tensor with its elements in row-major order, each of 32 bits.
///
/// # Panics
/// If the elements are neither f32 nor i32: kernels know no others.
pub(crate) fn rows(tensor: CubeTensor) -> CubeTensor {
    assert!(matches!(tensor.dtype, DType::F32 | DType::I32), "kernels take 32 bits, not {:?}", tensor.dtype);
    into_contiguous(tensor)
}

/// An f32 tensor of the same device that nothing has been written to.
pub(crate) fn empty(beside: &CubeTensor, shape: Shape) -> CubeTensor {
    let (client, device): (Client, CubeDevice) = (beside.client.clone(), beside.device.clone());
    empty_device_contiguous_dtype(client, device, shape, DType::F32)
}

/// Such a tensor in the shape of another.
pub(crate) fn empty_like(other: &CubeTensor) -> CubeTensor {
    empty(other, other.meta.shape().clone())
}

/// A tensor whose memory may be written over: the tensor itself where nothing else holds it.
pub(crate) fn owned(tensor: CubeTensor) -> CubeTensor {
    let tensor = rows(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

/// A tensor's memory as a kernel takes it.
pub(crate) fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// The last axis.
pub(crate) fn width(tensor: &CubeTensor) -> usize {
    tensor.meta.shape()[tensor.meta.shape().num_dims() - 1]
}

/// All elements.
pub(crate) fn count(tensor: &CubeTensor) -> usize {
    tensor.meta.shape().num_elements()
}

/// The units of a cube.
pub(crate) fn units() -> CubeDim {
    CubeDim::new_1d(UNITS as u32)
}

/// So many cubes or a few more, over as many axes as the device wants; a kernel asks whether it has work.
pub(crate) fn cubes(client: &Client, count: usize) -> CubeCount {
    calculate_cube_count_elemwise(client, count, CubeDim::new_1d(1))
}

/// Cubes of one unit for each of so many elements, or a few more.
pub(crate) fn cubes_of_elements(client: &Client, count: usize) -> CubeCount {
    calculate_cube_count_elemwise(client, count, units())
}
