// BankSettings: a frozen value with keyword arguments.
#include <pybind11/pybind11.h>

#include <string>
#include <tuple>

#include "anomalyd/settings.hpp"

namespace py = pybind11;

namespace anomalyd::bindings {
namespace {

TransformMethod to_method(const std::string& name) {
  if (name == "NONE") return TransformMethod::none;
  if (name == "NORMALIZE") return TransformMethod::normalize;
  throw py::value_error("transform must be NONE or NORMALIZE, got " + name);
}

std::string to_name(const Settings& settings) {
  return settings.transform == TransformMethod::none ? "NONE" : "NORMALIZE";
}

Settings make(std::int64_t features, std::int64_t shingle_size, std::int64_t trees,
              std::int64_t sample_size, double time_decay, std::int64_t output_after,
              double anomaly_rate, double initial_accept_fraction, const std::string& transform,
              bool corrector) {
  const Settings settings{features,
                          shingle_size,
                          trees,
                          sample_size,
                          time_decay,
                          output_after,
                          anomaly_rate,
                          initial_accept_fraction,
                          to_method(transform),
                          corrector};
  settings.validate();
  return settings;
}

py::dict fields(const Settings& settings) {
  py::dict all;
  all["features"] = settings.features;
  all["shingle_size"] = settings.shingle_size;
  all["trees"] = settings.trees;
  all["sample_size"] = settings.sample_size;
  all["time_decay"] = settings.time_decay;
  all["output_after"] = settings.output_after;
  all["anomaly_rate"] = settings.anomaly_rate;
  all["initial_accept_fraction"] = settings.initial_accept_fraction;
  all["transform"] = to_name(settings);
  all["corrector"] = settings.corrector;
  return all;
}

std::string representation(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : fields(settings)) {
    text += (text.empty() ? "BankSettings(" : ", ") + std::string(py::str(name)) + "=" +
            std::string(py::repr(value));
  }
  return text + ")";
}

}  // namespace

void bind_settings(py::module_& module) {
  const Settings defaults;
  py::class_<Settings>(module, "BankSettings", py::is_final())
      .def(py::init(&make), py::kw_only(), py::arg("features"),
           py::arg("shingle_size") = defaults.shingle_size, py::arg("trees") = defaults.trees,
           py::arg("sample_size") = defaults.sample_size,
           py::arg("time_decay") = defaults.time_decay,
           py::arg("output_after") = defaults.output_after,
           py::arg("anomaly_rate") = defaults.anomaly_rate,
           py::arg("initial_accept_fraction") = defaults.initial_accept_fraction,
           py::arg("transform") = to_name(defaults), py::arg("corrector") = defaults.corrector)
      .def_readonly("features", &Settings::features)
      .def_readonly("shingle_size", &Settings::shingle_size)
      .def_readonly("trees", &Settings::trees)
      .def_readonly("sample_size", &Settings::sample_size)
      .def_readonly("time_decay", &Settings::time_decay)
      .def_readonly("output_after", &Settings::output_after)
      .def_readonly("anomaly_rate", &Settings::anomaly_rate)
      .def_readonly("initial_accept_fraction", &Settings::initial_accept_fraction)
      .def_property_readonly("transform", &to_name)
      .def_readonly("corrector", &Settings::corrector)
      .def(
          "__eq__", [](const Settings& a, const Settings& b) { return a == b; }, py::is_operator())
      .def("__hash__",
           [](const Settings& settings) { return py::hash(py::str(representation(settings))); })
      .def("__repr__", &representation);
}

}  // namespace anomalyd::bindings
