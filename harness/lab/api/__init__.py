"""The lab's CloudStack-compatible API: requests in, envelopes out."""
