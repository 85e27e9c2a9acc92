//! The model: embeddings, attention, layers, heads, and the published names of its weights.
