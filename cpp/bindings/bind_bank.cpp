// ModelBank and the arrays that it answers with.
#include <pybind11/pybind11.h>

#include <string_view>
#include <vector>

#include "anomalyd/bank.hpp"
#include "arrays.hpp"

namespace py = pybind11;

namespace anomalyd::bindings {
namespace {

struct Scores {
  Array<double> score;
  Array<double> grade;
  Array<double> confidence;
  Array<double> threshold;
  Array<std::int8_t> suppression;
  Array<std::int64_t> relative_index;
  Array<double> attribution;
  Array<double> expected;
  Array<double> past_values;
};

Array<std::int64_t> add(ModelBank& bank, const py::array& seeds) {
  const auto array = require_array<std::uint64_t>(seeds, "seeds", 1);
  const std::vector<std::uint64_t> columns(array.data(), array.data() + array.size());
  std::vector<std::int64_t> numbers;
  {
    // Only plain vectors are touched; another thread may hold the bank for long.
    const py::gil_scoped_release release;
    numbers = bank.add(columns);
  }
  return to_array(numbers);
}

void remove(ModelBank& bank, const py::array& models) {
  const auto numbers = to_numbers(models);
  const py::gil_scoped_release release;  // as in add
  bank.remove(numbers);
}

Scores process(ModelBank& bank, const py::array& models, const py::array& timestamps,
               const py::array& values) {
  const auto model_column = require_array<std::int64_t>(models, "models", 1);
  const auto timestamp_column = require_array<std::int64_t>(timestamps, "timestamps", 1);
  const auto value_rows = require_array<double>(values, "values", 2);
  const py::ssize_t rows = model_column.shape(0);
  require_rows(timestamp_column, "timestamps", rows);
  require_rows(value_rows, "values", rows);
  if (value_rows.shape(1) != bank.settings().features) {
    throw py::value_error("values must have " + std::to_string(bank.settings().features) +
                          " column(s), got " + std::to_string(value_rows.shape(1)));
  }
  const std::vector<py::ssize_t> shape{rows, value_rows.shape(1)};
  Scores scores{Array<double>(rows),  Array<double>(rows),      Array<double>(rows),
                Array<double>(rows),  Array<std::int8_t>(rows), Array<std::int64_t>(rows),
                Array<double>(shape), Array<double>(shape),     Array<double>(shape)};
  const Batch batch{static_cast<std::size_t>(rows), model_column.data(), timestamp_column.data(),
                    value_rows.data()};
  const Columns columns{scores.score.mutable_data(),       scores.grade.mutable_data(),
                        scores.confidence.mutable_data(),  scores.threshold.mutable_data(),
                        scores.suppression.mutable_data(), scores.relative_index.mutable_data(),
                        scores.attribution.mutable_data(), scores.expected.mutable_data(),
                        scores.past_values.mutable_data()};
  {
    // The arrays are held by this frame and the new ones are nobody else's yet, so the core's
    // threads may read and write their memory without the interpreter. A caller who changes the
    // inputs from another thread meanwhile breaks the contract.
    const py::gil_scoped_release release;
    bank.process(batch, columns);
  }
  return scores;
}

py::list checkpoint(const ModelBank& bank, const py::array& models) {
  const auto numbers = to_numbers(models);
  std::vector<std::vector<std::uint8_t>> checkpoints;
  {
    const py::gil_scoped_release release;  // as in add
    checkpoints = bank.checkpoint(numbers);
  }
  py::list all;
  for (const auto& bytes : checkpoints) {
    all.append(py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  return all;
}

Array<std::int64_t> restore(ModelBank& bank, const py::sequence& checkpoints) {
  // A list of its own keeps the bytes alive whatever happens to the caller's.
  const py::list held(checkpoints);
  std::vector<BytesView> views;
  views.reserve(held.size());
  for (const py::handle item : held) {
    if (!py::isinstance<py::bytes>(item)) throw py::type_error("checkpoints must be bytes");
    const std::string_view text = py::reinterpret_borrow<py::bytes>(item);
    views.push_back({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::vector<std::int64_t> numbers;
  {
    const py::gil_scoped_release release;  // bytes never change, and `held` keeps them
    numbers = bank.restore(views);
  }
  return to_array(numbers);
}

Array<std::int64_t> updates(const ModelBank& bank, const py::array& models) {
  const auto numbers = to_numbers(models);
  std::vector<std::int64_t> counts;
  {
    const py::gil_scoped_release release;  // as in add
    counts = bank.updates(numbers);
  }
  return to_array(counts);
}

Array<std::int64_t> size_in_bytes(const ModelBank& bank, const py::array& models) {
  const auto numbers = to_numbers(models);
  std::vector<std::int64_t> bytes;
  {
    const py::gil_scoped_release release;  // as in add
    bytes = bank.size_in_bytes(numbers);
  }
  return to_array(bytes);
}

std::size_t length(const ModelBank& bank) {
  const py::gil_scoped_release release;  // as in add
  return bank.size();
}

}  // namespace

void bind_bank(py::module_& module) {
  // In the order of enum Suppression.
  module.attr("SUPPRESSIONS") =
      py::make_tuple("NONE", "ANOMALY_IN_SHINGLE", "NEAR_EXPECTED", "CONDITIONAL_FORECAST");

  py::class_<Scores>(module, "Scores", py::is_final())
      .def_readonly("score", &Scores::score)
      .def_readonly("grade", &Scores::grade)
      .def_readonly("confidence", &Scores::confidence)
      .def_readonly("threshold", &Scores::threshold)
      .def_readonly("suppression", &Scores::suppression)
      .def_readonly("relative_index", &Scores::relative_index)
      .def_readonly("attribution", &Scores::attribution)
      .def_readonly("expected", &Scores::expected)
      .def_readonly("past_values", &Scores::past_values);

  py::class_<ModelBank>(module, "ModelBank", py::is_final())
      .def(py::init<const Settings&, std::int64_t>(), py::arg("settings"), py::kw_only(),
           py::arg("threads"))
      .def_property_readonly("settings", &ModelBank::settings)
      .def("add", &add, py::arg("seeds"))
      .def("remove", &remove, py::arg("models"))
      .def("process", &process, py::arg("models"), py::arg("timestamps"), py::arg("values"))
      .def("checkpoint", &checkpoint, py::arg("models"))
      .def("restore", &restore, py::arg("checkpoints"))
      .def("updates", &updates, py::arg("models"))
      .def("size_in_bytes", &size_in_bytes, py::arg("models"))
      .def("__len__", &length);
}

}  // namespace anomalyd::bindings
