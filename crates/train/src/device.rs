//! The word in the case file, and the machine behind it.

use std::thread;

use burn::tensor::{DType, Device, DeviceKind, DeviceType, Tensor};
use case::{Kernels, Precision};
use kernels::Attend;

use crate::TrainError;

/// A device to train on.
#[derive(Debug, Clone)]
pub struct Place {
    /// The word it was asked for by: `cpu`, `gpu`, `gpu:1`, ...
    pub word: String,
    /// Its name and what compiles for it.
    pub description: String,
    device: Device,
    on_cpu_backend: bool,
    kernels: Kernels,
    precision: Precision,
    attend: Attend,
}

impl Place {
    /// Opens the device of a case file's word, to compute on it in fp32 and by these kernels where it has them.
    ///
    /// # Errors
    /// [`TrainError::DeviceWord`] for an unknown word, [`TrainError::DeviceMissing`] where this machine has none such.
    pub fn open(word: &str, kernels: Kernels) -> Result<Self, TrainError> {
        let attend = Attend::default();
        let kind = match parse(word) {
            Some(None) => {
                let description =
                    format!("CPU, {} threads", std::thread::available_parallelism().map_or(1, usize::from));
                let device = Device::flex();
                let precision = Precision::Fp32;
                return Ok(Self {
                    word: word.into(),
                    description,
                    device,
                    on_cpu_backend: true,
                    kernels,
                    precision,
                    attend,
                });
            }
            Some(Some(kind)) => kind,
            None => return Err(TrainError::DeviceWord { word: word.into() }),
        };
        let opened = probe(|| {
            let device = Device::wgpu(kind);
            let two = (Tensor::<1>::ones([1], &device) + 1.0).into_data().try_to_vec::<f32>();
            let name = device.identity().map_or_else(|| "unnamed adapter".to_string(), |identity| identity.name);
            (device, name, two)
        });
        match opened {
            Some((device, name, Ok(two))) if two == [2.0] => {
                let description = format!("{name}, wgpu ({})", shader_language());
                let precision = Precision::Fp32;
                Ok(Self { word: word.into(), description, device, on_cpu_backend: false, kernels, precision, attend })
            }
            _ => Err(TrainError::DeviceMissing { word: word.into(), found: found() }),
        }
    }

    /// The same device with matrix products in `precision`.
    ///
    /// # Errors
    /// [`TrainError::Precision`] where the device, or its own kernels, do not have it.
    pub fn in_precision(self, precision: Precision) -> Result<Self, TrainError> {
        let has = match precision {
            Precision::Fp32 => true,
            _ if self.on_cpu_backend && self.kernels == Kernels::Own => false,
            Precision::F16 => self.device.supports_dtype(DType::F16),
            Precision::Bf16 => self.device.supports_dtype(DType::BF16),
        };
        if !has {
            return Err(TrainError::Precision { precision, word: self.word, description: self.description });
        }
        Ok(Self { precision, ..self })
    }

    /// The same device with own kernels that attend in this way, where it is a GPU.
    pub fn attending(self, attend: Attend) -> Self {
        Self { attend, ..self }
    }

    /// How own kernels attend on it, where it is a GPU.
    pub(crate) fn attend(&self) -> Attend {
        self.attend
    }

    /// Number format of matrix products on it.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The device for tensors without gradients.
    pub fn plain(&self) -> Device {
        self.device.clone()
    }

    /// The device for tensors whose gradients are recorded.
    pub fn autodiff(&self) -> Device {
        self.device.clone().autodiff()
    }

    /// Who computes on it.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// Whether the device itself clips gradients and leaves out what is not finite, so that a step need not wait for the
    /// host to have seen the norm.
    pub(crate) fn clips(&self) -> bool {
        !self.on_cpu_backend && self.kernels == Kernels::Own
    }

    /// Whether this is the CPU backend, on which equal seeds give equal bits.
    pub fn is_cpu(&self) -> bool {
        self.on_cpu_backend
    }
}

/// What kernels are written in for a GPU of this build.
pub fn shader_language() -> &'static str {
    if cfg!(feature = "spirv") { "SPIR-V where the driver takes it" } else { "WGSL" }
}

/// Name of the threads on which a device is tried: a panic there is an answer, not an accident.
pub const PROBE_THREAD: &str = "device-probe";

/// Runs something that panics inside the framework where a device is missing or broken; none where it did.
fn probe<T: Send>(touch: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(PROBE_THREAD.into()).spawn_scoped(scope, touch).ok()?;
        thread.join().ok()
    })
}

/// The kind of a word: none for the CPU backend.
fn parse(word: &str) -> Option<Option<DeviceKind>> {
    let (name, index) = match word.split_once(':') {
        Some((name, index)) => (name, Some(index.parse::<usize>().ok()?)),
        None => (word, None),
    };
    match (name, index) {
        ("cpu", None) => Some(None),
        ("gpu", None) => Some(Some(DeviceKind::DefaultDevice)),
        ("gpu", Some(index)) => Some(Some(DeviceKind::DiscreteGpu(index))),
        ("integrated-gpu", index) => Some(Some(DeviceKind::IntegratedGpu(index.unwrap_or(0)))),
        ("software-gpu", None) => Some(Some(DeviceKind::Cpu)),
        _ => None,
    }
}

/// The adapters of this machine, as people read them.
pub fn found() -> Vec<String> {
    let name = |device: &Device| {
        let name = device.identity().map_or_else(|| "unnamed adapter".to_string(), |identity| identity.name);
        format!("{name} ({})", kind_of(device))
    };
    probe(|| Device::enumerate(DeviceType::Wgpu).into_vec().iter().map(name).collect()).unwrap_or_default()
}

/// The kind of adapter out of the framework's own description, for people.
fn kind_of(device: &Device) -> String {
    let text = format!("{device:?}");
    let known = [
        ("DiscreteGpu", "gpu"),
        ("IntegratedGpu", "integrated-gpu"),
        ("VirtualGpu", "virtual"),
        ("Cpu", "software-gpu"),
        ("DefaultDevice", "gpu"),
    ];
    known.iter().find(|(mark, _)| text.contains(mark)).map_or(text.clone(), |(_, word)| (*word).to_string())
}
