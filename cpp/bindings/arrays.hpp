// From numpy arrays to plain columns and back. A wrong dtype or shape is a ValueError that names
// the argument: numpy's own silent casts would turn a float timestamp into a wrong one.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <string>
#include <vector>

namespace anomalyd::bindings {

template <class Number>
using Array = pybind11::array_t<Number, pybind11::array::c_style>;

// A contiguous array of exactly this dtype and number of dimensions, copied only if it was strided.
template <class Number>
Array<Number> require_array(const pybind11::array& array, const std::string& name, int dimensions) {
  if (!pybind11::dtype::of<Number>().equal(array.dtype())) {
    throw pybind11::value_error(name + " must have dtype " +
                                std::string(pybind11::str(pybind11::dtype::of<Number>())) +
                                ", got " + std::string(pybind11::str(array.dtype())));
  }
  if (array.ndim() != dimensions) {
    throw pybind11::value_error(name + " must have " + std::to_string(dimensions) +
                                " dimension(s), got " + std::to_string(array.ndim()));
  }
  return Array<Number>::ensure(array);
}

// Throws the ValueError for a first axis of another length than `rows`.
void require_rows(const pybind11::array& array, const std::string& name, pybind11::ssize_t rows);

std::vector<std::int64_t> to_numbers(const pybind11::array& models);
Array<std::int64_t> to_array(const std::vector<std::int64_t>& numbers);

}  // namespace anomalyd::bindings
