// The table of contents of anomalyd._core.
#include <pybind11/pybind11.h>

namespace anomalyd::bindings {
void bind_settings(pybind11::module_& module);
void bind_bank(pybind11::module_& module);
void bind_influence(pybind11::module_& module);
}  // namespace anomalyd::bindings

PYBIND11_MODULE(_core, module) {
  module.doc() = "Random Cut Forests in C++: banks of models that take rows in batches.";
  anomalyd::bindings::bind_settings(module);
  anomalyd::bindings::bind_bank(module);
  anomalyd::bindings::bind_influence(module);
}
