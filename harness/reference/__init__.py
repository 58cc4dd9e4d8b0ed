"""What CloudStack must do with an instance that is scaled live: pure values in, values out."""
