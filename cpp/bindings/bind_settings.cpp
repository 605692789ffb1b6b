// BankSettings: a frozen value with keyword arguments.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <string>
#include <vector>

#include "anomalyd/settings.hpp"

namespace py = pybind11;

namespace anomalyd::bindings {
namespace {

// In the order of enum TransformMethod.
constexpr std::array<const char*, 5> transforms{"NONE", "NORMALIZE", "DIFFERENCE",
                                                "NORMALIZE_DIFFERENCE", "SUBTRACT_MOVING_AVERAGE"};
// In the order of enum Imputation.
constexpr std::array<const char*, 6> imputations{"NONE",     "ZERO",   "FIXED",
                                                 "PREVIOUS", "LINEAR", "FOREST"};

// The enum value of a name; ValueError that gives the choices.
template <class Choice, std::size_t count>
Choice choice_of(const std::array<const char*, count>& names, const std::string& field,
                 const std::string& name) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    if (name == names[i]) return static_cast<Choice>(i);
    all += (i == 0 ? "" : i + 1 == count ? " or " : ", ") + std::string(names[i]);
  }
  throw py::value_error(field + " must be " + all + ", got " + name);
}

std::string transform_of(const Settings& settings) {
  return transforms[static_cast<std::size_t>(settings.transform)];
}

std::string imputation_of(const Settings& settings) {
  return imputations[static_cast<std::size_t>(settings.imputation)];
}

py::tuple fixed_values_of(const Settings& settings) {
  return py::tuple(py::cast(settings.fixed_values));
}

// A rule per element, of (over, below, over_ratio, below_ratio) per feature.
using Rules = std::vector<std::vector<std::array<double, 4>>>;

std::vector<std::vector<Tolerance>> tolerances_from(const Rules& rules) {
  std::vector<std::vector<Tolerance>> made(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (const auto& [over, below, over_ratio, below_ratio] : rules[i]) {
      made[i].push_back({over, below, over_ratio, below_ratio});
    }
  }
  return made;
}

py::tuple tolerances_of(const Settings& settings) {
  py::list rules;
  for (const std::vector<Tolerance>& rule : settings.tolerances) {
    py::list features;
    for (const Tolerance& each : rule) {
      features.append(py::make_tuple(each.over, each.below, each.over_ratio, each.below_ratio));
    }
    rules.append(py::tuple(features));
  }
  return py::tuple(rules);
}

Settings make(std::int64_t features, std::int64_t shingle_size, std::int64_t trees,
              std::int64_t sample_size, double time_decay, std::int64_t output_after,
              double initial_accept_fraction, const std::string& transform, bool corrector,
              const std::string& imputation, const std::vector<double>& fixed_values,
              const Rules& tolerances, bool verdicts) {
  const Settings settings{features,
                          shingle_size,
                          trees,
                          sample_size,
                          time_decay,
                          output_after,
                          initial_accept_fraction,
                          choice_of<TransformMethod>(transforms, "transform", transform),
                          corrector,
                          choice_of<Imputation>(imputations, "imputation", imputation),
                          fixed_values,
                          tolerances_from(tolerances),
                          verdicts};
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
  all["initial_accept_fraction"] = settings.initial_accept_fraction;
  all["transform"] = transform_of(settings);
  all["corrector"] = settings.corrector;
  all["imputation"] = imputation_of(settings);
  all["fixed_values"] = fixed_values_of(settings);
  all["tolerances"] = tolerances_of(settings);
  all["verdicts"] = settings.verdicts;
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
           py::arg("initial_accept_fraction") = defaults.initial_accept_fraction,
           py::arg("transform") = transform_of(defaults), py::arg("corrector") = defaults.corrector,
           py::arg("imputation") = imputation_of(defaults),
           py::arg("fixed_values") = fixed_values_of(defaults),
           py::arg("tolerances") = tolerances_of(defaults), py::arg("verdicts") = defaults.verdicts)
      .def_readonly("features", &Settings::features)
      .def_readonly("shingle_size", &Settings::shingle_size)
      .def_readonly("trees", &Settings::trees)
      .def_readonly("sample_size", &Settings::sample_size)
      .def_readonly("time_decay", &Settings::time_decay)
      .def_readonly("output_after", &Settings::output_after)
      .def_readonly("initial_accept_fraction", &Settings::initial_accept_fraction)
      .def_property_readonly("transform", &transform_of)
      .def_readonly("corrector", &Settings::corrector)
      .def_property_readonly("imputation", &imputation_of)
      .def_property_readonly("fixed_values", &fixed_values_of)
      .def_property_readonly("tolerances", &tolerances_of)
      .def_readonly("verdicts", &Settings::verdicts)
      .def(
          "__eq__", [](const Settings& a, const Settings& b) { return a == b; }, py::is_operator())
      .def("__hash__",
           [](const Settings& settings) { return py::hash(py::str(representation(settings))); })
      .def("__repr__", &representation);
}

}  // namespace anomalyd::bindings
