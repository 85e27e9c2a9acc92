//! Text to masked batch: reading, tokenizer, shards, rows, order, masks.
