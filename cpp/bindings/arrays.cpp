#include "arrays.hpp"

namespace py = pybind11;

namespace anomalyd::bindings {

void require_rows(const py::array& array, const std::string& name, py::ssize_t rows) {
  if (array.shape(0) != rows) {
    throw py::value_error(name + " must have " + std::to_string(rows) + " row(s), got " +
                          std::to_string(array.shape(0)));
  }
}

std::vector<std::int64_t> to_numbers(const py::array& models) {
  const auto array = require_array<std::int64_t>(models, "models", 1);
  return {array.data(), array.data() + array.size()};
}

Array<std::int64_t> to_array(const std::vector<std::int64_t>& numbers) {
  return Array<std::int64_t>(static_cast<py::ssize_t>(numbers.size()), numbers.data());
}

}  // namespace anomalyd::bindings
