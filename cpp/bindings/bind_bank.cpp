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
  Array<bool> imputed;

  Scores(py::ssize_t rows, py::ssize_t features)
      : score(rows),
        grade(rows),
        confidence(rows),
        threshold(rows),
        suppression(rows),
        relative_index(rows),
        attribution(std::vector<py::ssize_t>{rows, features}),
        expected(std::vector<py::ssize_t>{rows, features}),
        past_values(std::vector<py::ssize_t>{rows, features}),
        imputed(std::vector<py::ssize_t>{rows, features}) {}

  Columns columns() {
    return {score.mutable_data(),       grade.mutable_data(),
            confidence.mutable_data(),  threshold.mutable_data(),
            suppression.mutable_data(), relative_index.mutable_data(),
            attribution.mutable_data(), expected.mutable_data(),
            past_values.mutable_data(), reinterpret_cast<std::uint8_t*>(imputed.mutable_data())};
  }
};

// Shingles to ask about, held while the core reads them.
struct AskedShingles {
  AskedShingles(const ModelBank& bank, const py::array& models_given, const py::array& values_given)
      : models(require_array<std::int64_t>(models_given, "models", 1)),
        values(require_array<double>(values_given, "values", 3)) {
    const Settings& settings = bank.settings();
    require_rows(values, "values", models.shape(0));
    if (values.shape(1) != settings.shingle_size || values.shape(2) != settings.features) {
      throw py::value_error(
          "values must have the shape (rows, " + std::to_string(settings.shingle_size) + ", " +
          std::to_string(settings.features) + "), got (rows, " + std::to_string(values.shape(1)) +
          ", " + std::to_string(values.shape(2)) + ")");
    }
  }

  Questions questions() const {
    return {static_cast<std::size_t>(models.shape(0)), models.data(), values.data()};
  }

  Array<std::int64_t> models;
  Array<double> values;
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
  Scores scores(rows, value_rows.shape(1));
  const Batch batch{static_cast<std::size_t>(rows), model_column.data(), timestamp_column.data(),
                    value_rows.data()};
  const Columns columns = scores.columns();
  {
    // The arrays are held by this frame and the new ones are nobody else's yet, so the core's
    // threads may read and write their memory without the interpreter. A caller who changes the
    // inputs from another thread meanwhile breaks the contract.
    const py::gil_scoped_release release;
    bank.process(batch, columns);
  }
  return scores;
}

Scores rescore(const ModelBank& bank, const py::array& models, const py::array& values) {
  const AskedShingles asked(bank, models, values);
  Scores scores(asked.models.shape(0), bank.settings().features);
  const Questions questions = asked.questions();
  const Columns columns = scores.columns();
  {
    const py::gil_scoped_release release;  // as in process
    bank.rescore(questions, columns);
  }
  return scores;
}

// An array of the shape that the shingles have.
Array<double> like(const AskedShingles& asked) {
  return Array<double>(std::vector<py::ssize_t>{asked.values.shape(0), asked.values.shape(1),
                                                asked.values.shape(2)});
}

py::tuple attribute(const ModelBank& bank, const py::array& models, const py::array& values) {
  const AskedShingles asked(bank, models, values);
  Array<double> high = like(asked);
  Array<double> low = like(asked);
  const Questions questions = asked.questions();
  double* const to_high = high.mutable_data();
  double* const to_low = low.mutable_data();
  {
    const py::gil_scoped_release release;  // as in process
    bank.attribute(questions, to_high, to_low);
  }
  return py::make_tuple(high, low);
}

Array<double> impute(const ModelBank& bank, const py::array& models, const py::array& values) {
  const AskedShingles asked(bank, models, values);
  Array<double> completed = like(asked);
  const Questions questions = asked.questions();
  double* const to = completed.mutable_data();
  {
    const py::gil_scoped_release release;  // as in process
    bank.impute(questions, to);
  }
  return completed;
}

py::tuple forecast(const ModelBank& bank, const py::array& models, std::int64_t horizon) {
  const auto numbers = to_numbers(models);
  // The bank says more of a horizon out of bounds, but no array can be that long.
  const py::ssize_t steps = horizon < 1 || horizon > longest_horizon ? 0 : horizon;
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(numbers.size()), steps,
                                       bank.settings().features};
  Array<double> values(shape);
  Array<double> low(shape);
  Array<double> high(shape);
  const ForecastColumns columns{values.mutable_data(), low.mutable_data(), high.mutable_data()};
  {
    const py::gil_scoped_release release;  // as in process
    bank.forecast(numbers, horizon, columns);
  }
  return py::make_tuple(values, low, high);
}

py::tuple neighbours(const ModelBank& bank, const py::array& models, const py::array& values,
                     std::int64_t count) {
  const AskedShingles asked(bank, models, values);
  const Settings& settings = bank.settings();
  const py::ssize_t rows = asked.models.shape(0);
  const py::ssize_t wanted = count < 1 || count > settings.trees ? 0 : count;  // as in forecast
  Array<double> points(
      std::vector<py::ssize_t>{rows, wanted, settings.shingle_size, settings.features});
  Array<double> distance(std::vector<py::ssize_t>{rows, wanted});
  Array<std::int64_t> trees(std::vector<py::ssize_t>{rows, wanted});
  const Questions questions = asked.questions();
  const NeighbourColumns columns{points.mutable_data(), distance.mutable_data(),
                                 trees.mutable_data()};
  {
    const py::gil_scoped_release release;  // as in process
    bank.neighbours(questions, count, columns);
  }
  return py::make_tuple(points, distance, trees);
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
      py::make_tuple("NONE", "ANOMALY_IN_SHINGLE", "NEAR_EXPECTED", "CONDITIONAL_FORECAST",
                     "ALERT_ONCE", "TOLERATED", "DATA_DRIFT");

  py::class_<Scores>(module, "Scores", py::is_final())
      .def_readonly("score", &Scores::score)
      .def_readonly("grade", &Scores::grade)
      .def_readonly("confidence", &Scores::confidence)
      .def_readonly("threshold", &Scores::threshold)
      .def_readonly("suppression", &Scores::suppression)
      .def_readonly("relative_index", &Scores::relative_index)
      .def_readonly("attribution", &Scores::attribution)
      .def_readonly("expected", &Scores::expected)
      .def_readonly("past_values", &Scores::past_values)
      .def_readonly("imputed", &Scores::imputed);

  py::class_<ModelBank>(module, "ModelBank", py::is_final())
      .def(py::init<const Settings&, std::int64_t>(), py::arg("settings"), py::kw_only(),
           py::arg("threads"))
      .def_property_readonly("settings", &ModelBank::settings)
      .def("add", &add, py::arg("seeds"))
      .def("remove", &remove, py::arg("models"))
      .def("process", &process, py::arg("models"), py::arg("timestamps"), py::arg("values"))
      .def("rescore", &rescore, py::arg("models"), py::arg("values"))
      .def("attribute", &attribute, py::arg("models"), py::arg("values"))
      .def("impute", &impute, py::arg("models"), py::arg("values"))
      .def("forecast", &forecast, py::arg("models"), py::arg("horizon"))
      .def("neighbours", &neighbours, py::arg("models"), py::arg("values"), py::arg("count"))
      .def("checkpoint", &checkpoint, py::arg("models"))
      .def("restore", &restore, py::arg("checkpoints"))
      .def("updates", &updates, py::arg("models"))
      .def("size_in_bytes", &size_in_bytes, py::arg("models"))
      .def("__len__", &length);
}

}  // namespace anomalyd::bindings
