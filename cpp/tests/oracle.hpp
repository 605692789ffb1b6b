// A forest written for nothing but obviousness: nodes on the heap, every box rebuilt from the
// points beneath it at every use, samplers searched linearly, points copied. It makes the same
// draws as the real one, so both must grow the same trees and give the same answers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "anomalyd/random.hpp"
#include "anomalyd/settings.hpp"

namespace anomalyd::testing {

using Point = std::vector<float>;

struct OracleBox {
  Point lower;
  Point upper;

  void include(const Point& point) {
    for (std::size_t i = 0; i < point.size(); ++i) {
      lower[i] = std::min(lower[i], point[i]);
      upper[i] = std::max(upper[i], point[i]);
    }
  }
  bool contains(const Point& point) const {
    for (std::size_t i = 0; i < point.size(); ++i) {
      if (point[i] < lower[i] || point[i] > upper[i]) return false;
    }
    return true;
  }
  double range() const {
    double sum = 0.0;
    for (std::size_t i = 0; i < lower.size(); ++i) sum += static_cast<double>(upper[i] - lower[i]);
    return sum;
  }
  double above(const Point& point, std::size_t i) const {
    return static_cast<double>(std::max(0.0F, point[i] - upper[i]));
  }
  double below(const Point& point, std::size_t i) const {
    return static_cast<double>(std::max(0.0F, lower[i] - point[i]));
  }
  double outside(const Point& point) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < point.size(); ++i) sum += above(point, i) + below(point, i);
    return sum;
  }
};

struct OracleNode {
  std::size_t dimension = 0;
  float cut = 0.0F;
  std::unique_ptr<OracleNode> left;
  std::unique_ptr<OracleNode> right;
  Point point;             // of a leaf
  std::size_t copies = 0;  // of a leaf

  bool is_leaf() const { return left == nullptr; }
  OracleNode& child(const Point& query) { return query[dimension] <= cut ? *left : *right; }
  const OracleNode& child(const Point& query) const {
    return query[dimension] <= cut ? *left : *right;
  }
  std::size_t mass() const { return is_leaf() ? copies : left->mass() + right->mass(); }
  OracleBox box() const {
    if (is_leaf()) return {point, point};
    OracleBox box = left->box();
    const OracleBox other = right->box();
    box.include(other.lower);
    box.include(other.upper);
    return box;
  }
};

class OracleTree {
 public:
  explicit OracleTree(std::uint64_t seed) : random_(seed) {}

  const OracleNode* root() const { return root_.get(); }

  void insert(const Point& point) {
    auto leaf = std::make_unique<OracleNode>();
    leaf->point = point;
    leaf->copies = 1;
    if (!root_) {
      root_ = std::move(leaf);
      return;
    }
    std::vector<std::unique_ptr<OracleNode>*> path{&root_};
    while (!(*path.back())->is_leaf()) {
      OracleNode& node = **path.back();
      path.push_back(point[node.dimension] <= node.cut ? &node.left : &node.right);
    }
    if ((*path.back())->point == point) {
      ++(*path.back())->copies;
      return;
    }
    std::unique_ptr<OracleNode>* place = nullptr;
    auto parent = std::make_unique<OracleNode>();
    for (auto slot = path.rbegin(); slot != path.rend(); ++slot) {
      const OracleBox box = (**slot)->box();
      if (box.contains(point)) break;
      const auto [dimension, cut] = draw(box, point);
      const bool left = point[dimension] <= cut && cut < box.lower[dimension];
      const bool right = point[dimension] > cut && cut >= box.upper[dimension];
      if (!left && !right) continue;
      place = *slot;
      parent->dimension = dimension;
      parent->cut = cut;
    }
    auto sibling = std::move(*place);
    const bool left = point[parent->dimension] <= parent->cut;
    parent->left = left ? std::move(leaf) : std::move(sibling);
    parent->right = left ? std::move(sibling) : std::move(leaf);
    *place = std::move(parent);
  }

  void erase(const Point& point) {
    std::unique_ptr<OracleNode>* above = nullptr;
    std::unique_ptr<OracleNode>* slot = &root_;
    while (!(*slot)->is_leaf()) {
      above = slot;
      OracleNode& node = **slot;
      slot = point[node.dimension] <= node.cut ? &node.left : &node.right;
    }
    if (--(*slot)->copies > 0) return;
    if (!above) {
      root_.reset();
      return;
    }
    auto sibling = std::move(slot == &(*above)->left ? (*above)->right : (*above)->left);
    *above = std::move(sibling);
  }

  // Points that stand to the left of this one: of equal weights, the leftmost goes.
  std::size_t left_of(const Point& point) const {
    std::size_t before = 0;
    for (const OracleNode* node = root_.get(); !node->is_leaf(); node = &node->child(point)) {
      if (&node->child(point) == node->right.get()) before += node->left->mass();
    }
    return before;
  }

  double scale() const { return std::log2(static_cast<double>(root_->mass()) + 1.0); }

  double score(const Point& query) const { return score(*root_, query, 0) * scale(); }

  // High parts, then low parts. Of a query that is no leaf of the tree.
  std::vector<double> attribution(const Point& query) const {
    std::vector<double> parts = attribution(*root_, query, 0);
    for (double& part : parts) part *= scale();
    return parts;
  }

  const Point& likeliest(const Point& query, const std::vector<bool>& missing) const {
    return likeliest(*root_, query, missing, 0).leaf->point;
  }

 private:
  struct Drawn {
    std::size_t dimension;
    float cut;
  };
  struct Found {
    const OracleNode* leaf;
    double rank;
  };

  Drawn draw(OracleBox box, const Point& point) {
    box.include(point);
    std::vector<double> ranges;
    for (std::size_t i = 0; i < point.size(); ++i) {
      ranges.push_back(static_cast<double>(box.upper[i]) - static_cast<double>(box.lower[i]));
    }
    double rest = random_.uniform() * std::accumulate(ranges.begin(), ranges.end(), 0.0);
    std::size_t i = 0;
    while (ranges[i] <= 0.0 || rest > ranges[i]) rest -= ranges[i++];
    auto cut = static_cast<float>(static_cast<double>(box.lower[i]) + rest);
    if (cut >= box.upper[i]) cut = std::nextafter(box.upper[i], box.lower[i]);
    return {i, cut};
  }

  static double seen(std::size_t depth, std::size_t mass) {
    return 1.0 / (static_cast<double>(depth) + std::log2(static_cast<double>(mass) + 1.0));
  }
  static double unseen(std::size_t depth) { return 1.0 / (static_cast<double>(depth) + 1.0); }

  // "Inside" needs no flag here: a box that contains the query has separation 0.
  double score(const OracleNode& node, const Point& query, std::size_t depth) const {
    if (node.is_leaf()) {
      if (node.point != query) return unseen(depth);
      const double share =
          static_cast<double>(node.copies) / (2.0 * static_cast<double>(root_->mass()));
      return (1.0 - share) * seen(depth, node.copies);
    }
    const OracleBox box = node.box();
    const double outside = box.outside(query);
    const double p = outside <= 0.0 ? 0.0 : outside / (outside + box.range());
    return p * unseen(depth) + (1.0 - p) * score(node.child(query), query, depth + 1);
  }

  std::vector<double> attribution(const OracleNode& node, const Point& query,
                                  std::size_t depth) const {
    const OracleBox box = node.box();
    const std::size_t d = query.size();
    const double all = box.range() + box.outside(query);
    std::vector<double> parts(2 * d, 0.0);
    if (!node.is_leaf()) {
      parts = attribution(node.child(query), query, depth + 1);
      const double p = box.outside(query) / all;
      for (double& part : parts) part *= 1.0 - p;
    }
    for (std::size_t i = 0; i < d; ++i) {
      parts[i] += box.above(query, i) / all * unseen(depth);
      parts[d + i] += box.below(query, i) / all * unseen(depth);
    }
    return parts;
  }

  Found likeliest(const OracleNode& node, const Point& query, const std::vector<bool>& missing,
                  std::size_t depth) const {
    if (node.is_leaf()) {
      const bool equal = completed(query, node.point, missing) == node.point;
      const double rank = equal ? (depth == 0 ? 0.0 : seen(depth, node.copies)) : unseen(depth);
      return {&node, rank};
    }
    Found found{};
    if (missing[node.dimension]) {
      const Found left = likeliest(*node.left, query, missing, depth + 1);
      const Found right = likeliest(*node.right, query, missing, depth + 1);
      found = right.rank < left.rank ? right : left;
    } else {
      found = likeliest(node.child(query), query, missing, depth + 1);
    }
    const OracleBox box = node.box();
    const double outside = box.outside(completed(query, found.leaf->point, missing));
    const double p = outside <= 0.0 ? 0.0 : outside / (outside + box.range());
    return {found.leaf, p * unseen(depth) + (1.0 - p) * found.rank};
  }

  static Point completed(Point query, const Point& leaf, const std::vector<bool>& missing) {
    for (std::size_t i = 0; i < query.size(); ++i) {
      if (missing[i]) query[i] = leaf[i];
    }
    return query;
  }

  Random random_;
  std::unique_ptr<OracleNode> root_;
};

struct OracleSample {
  float weight;
  Point point;
};

class OracleForest {
 public:
  OracleForest(const Settings& settings, std::uint64_t seed) : settings_(settings) {
    Random seeds(seed);
    for (std::int64_t i = 0; i < settings.trees; ++i) {
      trees.emplace_back(seeds.next());
      draws_.emplace_back(seeds.next());
      samples.emplace_back();
    }
  }

  void update(const Point& point) {
    for (std::size_t i = 0; i < trees.size(); ++i) offer(i, point);
    ++updates_;
  }

  double score(const Point& query) const {
    double sum = 0.0;
    for (const OracleTree& tree : trees) sum += tree.score(query);
    return sum / static_cast<double>(trees.size());
  }

  std::vector<OracleTree> trees;
  std::vector<std::vector<OracleSample>> samples;

 private:
  void offer(std::size_t i, const Point& point) {
    std::vector<OracleSample>& sample = samples[i];
    const auto capacity = static_cast<std::size_t>(settings_.sample_size);
    const double u = draws_[i].open_uniform();
    const double exact =
        std::log(-std::log(u)) - static_cast<double>(updates_) * settings_.time_decay;
    const auto weight = static_cast<float>(std::nearbyint(exact * 1024.0) / 1024.0);
    const bool welcome = sample.size() < capacity && draws_[i].uniform() < chance(sample.size());
    const auto worst = std::max_element(
        sample.begin(), sample.end(), [&](const OracleSample& a, const OracleSample& b) {
          if (a.weight != b.weight) return a.weight < b.weight;
          return trees[i].left_of(a.point) > trees[i].left_of(b.point);
        });
    if (!welcome) {
      if (sample.empty() || !(weight < worst->weight)) return;
      trees[i].erase(worst->point);
      sample.erase(worst);
    }
    trees[i].insert(point);
    sample.push_back({weight, point});
  }

  double chance(std::size_t size) const {
    const double f = settings_.initial_accept_fraction;
    const double filled = static_cast<double>(size) / static_cast<double>(settings_.sample_size);
    if (filled < f) return 1.0;
    return f >= 1.0 ? 0.0 : 1.0 - (filled - f) / (1.0 - f);
  }

  const Settings settings_;
  std::vector<Random> draws_;
  std::int64_t updates_ = 0;
};

}  // namespace anomalyd::testing
