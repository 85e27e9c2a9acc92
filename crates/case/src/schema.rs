//! The shape of a case file, read off the types themselves.
//!
//! The types are deserialized once from a reader that hands out a value of whatever it is asked for and writes down
//! what it was asked for. So there is one list of keys, words and types, the structs in `config.rs`, `encoder.rs` and `finetune.rs`, and one list of
//! explanations, their doc comments.

use std::sync::LazyLock;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::Error},
    forward_to_deserialize_any,
};

use crate::{CaseConfig, Claim};

/// What a key may hold.
#[derive(Debug, Clone)]
pub(crate) enum Schema {
    /// A table, by the name of its struct.
    Table { name: &'static str, fields: Vec<(&'static str, Schema)> },
    /// A list.
    List(Box<Schema>),
    /// One of some words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
    /// A whole number from 0 to `max`.
    Whole { max: i128 },
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// Something with its own reader: a length or a list of paths.
    Own,
}

/// The shape of a whole case file.
pub(crate) static CASE: LazyLock<Schema> = LazyLock::new(|| {
    let mut schema = Schema::Own;
    CaseConfig::deserialize(Reader(&mut schema)).expect("the reader offers every type what it asks for");
    schema
});

impl Schema {
    /// The keys of a table, none for anything else.
    pub(crate) fn fields(&self) -> &[(&'static str, Schema)] {
        match self {
            Self::Table { fields, .. } => fields,
            _ => &[],
        }
    }

    /// What `key` of a table may hold.
    pub(crate) fn field(&self, key: &str) -> Option<&Schema> {
        self.fields().iter().find(|(name, _)| *name == key).map(|(_, schema)| schema)
    }

    /// Whether this is a list of tables, written `[[data.corpora]]`.
    pub(crate) fn element(&self) -> Option<&Schema> {
        match self {
            Self::List(element) if !element.fields().is_empty() => Some(element),
            _ => None,
        }
    }
}

/// The dotted path and the keys of every table in the file's order, the root's path being empty.
pub(crate) fn tables() -> Vec<(String, Vec<&'static str>)> {
    let mut found = Vec::new();
    collect_tables(&CASE, String::new(), &mut found);
    found
}

fn collect_tables(schema: &Schema, path: String, found: &mut Vec<(String, Vec<&'static str>)>) {
    found.push((path.clone(), schema.fields().iter().map(|(key, _)| *key).collect()));
    for (key, field) in schema.fields() {
        let table = field.element().unwrap_or(field);
        if !table.fields().is_empty() {
            collect_tables(table, crate::tree::join(&path, key), found);
        }
    }
}

/// Where the structs of a case file stand.
const SOURCES: [&str; 3] = [include_str!("config.rs"), include_str!("encoder.rs"), include_str!("finetune.rs")];

/// The doc comment of a field of a struct in [`SOURCES`], its lines joined, without links.
pub(crate) fn doc(table: &str, key: &str) -> String {
    let head = format!("pub struct {table} {{");
    let body = SOURCES.iter().find_map(|source| source.split_once(&head)).map_or("", |(_, after)| after);
    let mut lines: Vec<&str> = Vec::new();
    for line in body.lines().map(str::trim).take_while(|line| *line != "}") {
        if let Some(text) = line.strip_prefix("///") {
            lines.push(text.trim());
        } else if line.starts_with(&format!("pub {key}:")) {
            return lines.join(" ").replace("[`", "`").replace("`]", "`");
        } else if line.starts_with("pub ") {
            lines.clear();
        }
    }
    String::new()
}

/// Writes down into the schema what it is asked for.
struct Reader<'a>(&'a mut Schema);

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Schema::Own;
        visitor.visit_str("1")
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Schema::Flag;
        visitor.visit_bool(true)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Schema::Whole { max: u32::MAX.into() };
        visitor.visit_u32(1)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Schema::Whole { max: u64::MAX.into() };
        visitor.visit_u64(1)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Schema::Number;
        visitor.visit_f64(1.0)
    }

    /// Text that is read further as it is taken in, which a claim alone is.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Schema::Text;
        visitor.visit_str(Claim::EXAMPLE)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.0 = Schema::Text;
        visitor.visit_str("1")
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = Schema::Word(words);
        visitor.visit_enum(words[0].into_deserializer())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut element = Schema::Own;
        let value = visitor.visit_seq(Once(Some(&mut element)))?;
        *self.0 = Schema::List(Box::new(element));
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut fields = Vec::new();
        let value = visitor.visit_map(Fields { left: keys.iter(), found: &mut fields })?;
        *self.0 = Schema::Table { name, fields };
        Ok(value)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 char bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
        map identifier ignored_any
    }
}

/// Offers every field of a struct once.
struct Fields<'a> {
    left: std::slice::Iter<'static, &'static str>,
    found: &'a mut Vec<(&'static str, Schema)>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(key) = self.left.next() else { return Ok(None) };
        self.found.push((key, Schema::Own));
        seed.deserialize((*key).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let last = self.found.last_mut().ok_or_else(|| de::Error::custom("a value before its key"))?;
        seed.deserialize(Reader(&mut last.1))
    }
}

/// A list of one element.
struct Once<'a>(Option<&'a mut Schema>);

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.take().map(|schema| seed.deserialize(Reader(schema))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::{CASE, Schema, doc, tables};

    #[test]
    fn the_schema_knows_every_kind_of_key() {
        let at = |table: &str, key: &str| CASE.field(table).and_then(|table| table.field(key)).cloned();
        assert!(matches!(at("model", "n_layers"), Some(Schema::Whole { .. })));
        assert!(matches!(at("model", "attention_dropout"), Some(Schema::Number)));
        assert!(matches!(at("model", "norm"), Some(Schema::Word(["pre", "post"]))));
        assert!(matches!(at("schedule", "warmup"), Some(Schema::Own)));
        assert!(matches!(at("train", "device"), Some(Schema::Text)));
        let corpora = at("data", "corpora").expect("[data] has corpora");
        assert!(corpora.element().is_some_and(|corpus| corpus.field("fraction").is_some()));
    }

    #[test]
    fn every_key_has_a_doc_comment() {
        let mut left = vec![&*CASE];
        let mut seen = 0;
        while let Some(schema) = left.pop() {
            let Schema::Table { name, fields } = schema else { continue };
            for (key, field) in fields {
                assert!(doc(name, key).len() > 5, "{name}.{key}");
                left.push(field.element().unwrap_or(field));
                seen += 1;
            }
        }
        assert!(seen > 70, "{seen}");
        assert_eq!(tables().len(), 11);
    }
}
