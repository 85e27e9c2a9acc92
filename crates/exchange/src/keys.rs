//! Looks into a `config.json`.

use std::path::Path;

use serde_json::Value;

use crate::ExchangeError;

/// Typed looks into a `config.json`; a key that is null or absent has its class's default.
pub(crate) struct Keys<'a> {
    pub(crate) path: &'a Path,
    pub(crate) json: &'a Value,
}

impl Keys<'_> {
    fn read<T>(
        &self,
        key: &str,
        default: T,
        as_type: impl Fn(&Value) -> Option<T>,
        type_name: &str,
    ) -> Result<T, ExchangeError> {
        match self.json.get(key).filter(|value| !value.is_null()) {
            None => Ok(default),
            Some(value) => as_type(value).ok_or_else(|| ExchangeError::Config {
                path: self.path.into(),
                why: format!("`{key}` is {value}, not {type_name}"),
            }),
        }
    }

    pub(crate) fn count(&self, key: &str, default: usize) -> Result<usize, ExchangeError> {
        // No published encoder comes near; a larger number would only be asked of the memory.
        let fits = |value: &Value| value.as_u64().filter(|count| *count < 1 << 24).map(|count| count as usize);
        self.read(key, default, fits, "a count below 16,777,216")
    }

    pub(crate) fn number(&self, key: &str, default: f64) -> Result<f64, ExchangeError> {
        self.read(key, default, Value::as_f64, "a number")
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, ExchangeError> {
        self.read(key, default, Value::as_bool, "true or false")
    }

    pub(crate) fn word(&self, key: &str, default: &str) -> Result<String, ExchangeError> {
        self.read(key, default.to_string(), |value| value.as_str().map(str::to_string), "a word")
    }

    pub(crate) fn must_be(&self, key: &str, wanted: Value, why: &str) -> Result<(), ExchangeError> {
        match self.json.get(key) {
            Some(value) if *value != wanted && !value.is_null() => Err(self.unsupported(key, why)),
            _ => Ok(()),
        }
    }

    pub(crate) fn unsupported(&self, key: &str, why: &str) -> ExchangeError {
        let value = self.json.get(key).map_or_else(|| "not there".to_string(), Value::to_string);
        ExchangeError::Unsupported { path: self.path.into(), key: key.into(), value, why: why.into() }
    }
}
