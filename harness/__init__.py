"""A pytest harness that verifies live scaling of Apache CloudStack instances on KVM."""
