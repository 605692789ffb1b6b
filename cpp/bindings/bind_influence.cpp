// InfluenceState, what it finds, and its formulas one by one for whoever wants to check them.
#include <pybind11/pybind11.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "anomalyd/influence.hpp"
#include "anomalyd/influence_reference.hpp"
#include "arrays.hpp"

namespace py = pybind11;

namespace anomalyd::bindings {
namespace {

struct Influencers {
  Array<std::int64_t> window;
  Array<std::int64_t> field;
  Array<std::int64_t> value;
  Array<double> ln_probability;
  Array<double> score;
  Array<std::int64_t> bucket_window;
  Array<std::int64_t> bucket_field;
  Array<double> bucket_ln_probability;
  Array<double> bucket_raw;
  Array<double> bucket_score;
  Array<std::int64_t> bucket_count;
  bool renormalise;
};

template <class Number>
Array<Number> to_column(const std::vector<Number>& numbers) {
  return Array<Number>(static_cast<py::ssize_t>(numbers.size()), numbers.data());
}

Influence make(std::int64_t fields, std::int64_t features, std::int64_t interval,
               std::int64_t period) {
  return Influence({fields, features, interval, period});
}

py::tuple shape(const Influence& state) {
  const InfluenceShape& its = state.shape();
  return py::make_tuple(its.fields, its.features, its.interval, its.period);
}

void require_columns(const py::array& array, const std::string& name, std::int64_t columns) {
  if (array.shape(1) != columns) {
    throw py::value_error(name + " must have " + std::to_string(columns) + " column(s), got " +
                          std::to_string(array.shape(1)));
  }
}

Influencers process(Influence& state, const py::array& window, const py::array& entity,
                    const py::array& values, const py::array& score, const py::array& features,
                    const py::array& share_places, const py::array& share_scores, bool learn) {
  const auto windows = require_array<std::int64_t>(window, "window", 1);
  const auto entities = require_array<std::int64_t>(entity, "entity", 1);
  const auto codes = require_array<std::int64_t>(values, "values", 2);
  const auto scores = require_array<double>(score, "score", 1);
  const auto rows_of_features = require_array<double>(features, "features", 2);
  const auto places = require_array<std::int64_t>(share_places, "share_places", 2);
  const auto without = require_array<double>(share_scores, "share_scores", 1);
  require_rows(without, "share_scores", places.shape(1));
  if (places.shape(0) != 4) throw py::value_error("share_places must have 4 rows");
  const auto shares = static_cast<std::size_t>(places.shape(1));
  const std::int64_t* const place = places.data();
  const py::ssize_t rows = windows.shape(0);
  require_rows(entities, "entity", rows);
  require_rows(codes, "values", rows);
  require_rows(scores, "score", rows);
  require_rows(rows_of_features, "features", rows);
  require_columns(codes, "values", state.shape().fields);
  require_columns(rows_of_features, "features", state.shape().features);
  Influences found;
  {
    // The arrays are held by this frame; a caller who changes them from another thread meanwhile,
    // or uses the state from one, breaks the contract.
    const py::gil_scoped_release release;
    found = state.process(
        {static_cast<std::size_t>(rows), windows.data(), entities.data(), codes.data(),
         scores.data(), rows_of_features.data()},
        {shares, place, place + shares, place + 2 * shares, without.data(), place + 3 * shares},
        learn);
  }
  return {to_column(found.window),      to_column(found.field),
          to_column(found.value),       to_column(found.ln_probability),
          to_column(found.score),       to_column(found.level_window),
          to_column(found.level_field), to_column(found.level_ln_probability),
          to_column(found.level_raw),   to_column(found.level_score),
          to_column(found.level_count), found.renormalise};
}

Array<double> renormalise(const Influence& state, const py::array& field, const py::array& value,
                          const py::array& ln_probability) {
  const auto fields = require_array<std::int64_t>(field, "field", 1);
  const auto values = require_array<std::int64_t>(value, "value", 1);
  const auto ln_ps = require_array<double>(ln_probability, "ln_probability", 1);
  const py::ssize_t rows = fields.shape(0);
  require_rows(values, "value", rows);
  require_rows(ln_ps, "ln_probability", rows);
  Array<double> scores(rows);
  double* const answer = scores.mutable_data();
  {
    const py::gil_scoped_release release;  // as in process
    state.renormalise(static_cast<std::size_t>(rows), fields.data(), values.data(), ln_ps.data(),
                      answer);
  }
  return scores;
}

py::bytes to_bytes(const Influence& state) {
  const std::vector<std::uint8_t> bytes = state.to_bytes();
  return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Influence from_bytes(const py::bytes& content) {
  const std::string_view text = content;
  try {
    return Influence::from_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  } catch (const CheckpointError& error) {
    throw py::value_error(error.what());
  }
}

Array<double> raw_scores(const py::array& ln_probability) {
  const auto ln_ps = require_array<double>(ln_probability, "ln_probability", 1);
  Array<double> raw(ln_ps.shape(0));
  std::transform(ln_ps.data(), ln_ps.data() + ln_ps.size(), raw.mutable_data(), raw_score);
  return raw;
}

Array<double> combined(const py::array& ln_probability, double correlation) {
  const auto ln_ps = require_array<double>(ln_probability, "ln_probability", 2);
  if (ln_ps.shape(1) < 1) throw py::value_error("ln_probability must have a column");
  if (!(correlation >= 0.0)) throw py::value_error("correlation must be 0 or more");
  Array<double> answer(ln_ps.shape(0));
  const double* at = ln_ps.data();
  for (py::ssize_t row = 0; row < ln_ps.shape(0); ++row) {
    Accumulator group;
    for (py::ssize_t i = 0; i < ln_ps.shape(1); ++i) group.add(*at++);
    answer.mutable_at(row) = ln_combined(group, correlation);
  }
  return answer;
}

py::tuple reference(const py::array& ln_probability, const std::string& style, double ln_cutoff) {
  const auto ln_ps = require_array<double>(ln_probability, "ln_probability", 1);
  if (ln_ps.size() == 0) throw py::value_error("ln_probability must have an element");
  const auto chosen = [&] {
    if (style == "people") return people_style;
    if (style == "attributes") return attributes_style;
    if (style == "detectors") return detectors_style;
    throw py::value_error("style must be people, attributes or detectors, got " + style);
  }();
  const ReferenceAnswer answer =
      reference_aggregate({ln_ps.data(), ln_ps.data() + ln_ps.size()}, chosen, ln_cutoff);
  return py::make_tuple(answer.raw, answer.ln_p);
}

double score(double raw, double ln_probability, double below, double samples, double median,
             double quiet, double largest) {
  return normalised(raw, ln_probability, {below, samples, median, quiet}, largest);
}

}  // namespace

void bind_influence(py::module_& module) {
  py::class_<Influencers>(module, "Influencers", py::is_final())
      .def_readonly("window", &Influencers::window)
      .def_readonly("field", &Influencers::field)
      .def_readonly("value", &Influencers::value)
      .def_readonly("ln_probability", &Influencers::ln_probability)
      .def_readonly("score", &Influencers::score)
      .def_readonly("bucket_window", &Influencers::bucket_window)
      .def_readonly("bucket_field", &Influencers::bucket_field)
      .def_readonly("bucket_ln_probability", &Influencers::bucket_ln_probability)
      .def_readonly("bucket_raw", &Influencers::bucket_raw)
      .def_readonly("bucket_score", &Influencers::bucket_score)
      .def_readonly("bucket_count", &Influencers::bucket_count)
      .def_readonly("renormalise", &Influencers::renormalise);

  py::class_<Influence>(module, "InfluenceState", py::is_final())
      .def(py::init(&make), py::kw_only(), py::arg("fields"), py::arg("features"),
           py::arg("interval"), py::arg("period"))
      .def_property_readonly("shape", &shape)
      .def("process", &process, py::arg("window"), py::arg("entity"), py::arg("values"),
           py::arg("score"), py::arg("features"), py::kw_only(),
           py::arg("share_places") = Array<std::int64_t>(std::vector<py::ssize_t>{4, 0}),
           py::arg("share_scores") = Array<double>(std::vector<py::ssize_t>{0}),
           py::arg("learn") = true)
      .def("renormalise", &renormalise, py::arg("field"), py::arg("value"),
           py::arg("ln_probability"))
      .def("to_bytes", &to_bytes)
      .def_static("from_bytes", &from_bytes, py::arg("content"));

  module.def("raw_scores", &raw_scores, py::arg("ln_probability"));
  module.def("combined_probability", &combined, py::arg("ln_probability"), py::arg("correlation"));
  module.def("reference_aggregate", &reference, py::arg("ln_probability"), py::kw_only(),
             py::arg("style"), py::arg("ln_cutoff"));
  module.def("normalised_score", &score, py::kw_only(), py::arg("raw"), py::arg("ln_probability"),
             py::arg("below"), py::arg("samples"), py::arg("median"), py::arg("quiet"),
             py::arg("largest"));
}

}  // namespace anomalyd::bindings
