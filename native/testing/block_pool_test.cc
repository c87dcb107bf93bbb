#include "engine/block_pool.h"

#include <random>
#include <set>

#include "testing/check.h"

using canopy::BlockPool;

TEST("blocks are 0 to n - 1, each given once") {
  BlockPool pool(5);
  std::set<std::int32_t> taken;
  for (int i = 0; i < 5; ++i) taken.insert(pool.take());
  CHECK_EQUAL(taken, (std::set<std::int32_t>{0, 1, 2, 3, 4}));
  CHECK_EQUAL(pool.free(), 0);
  CHECK_THROWS(pool.take(), std::logic_error, "empty pool");
}

TEST("a pool that is full takes nothing back") {
  BlockPool pool(2);
  CHECK_THROWS(pool.giveBack(1), std::logic_error, "given back twice");
}

TEST("no block is with two owners, over random takes and returns") {
  std::mt19937 random(7);
  BlockPool pool(40);
  std::set<std::int32_t> held;
  for (int step = 0; step < 20000; ++step) {
    const bool take = held.empty() || (pool.free() > 0 && random() % 2 == 0);
    if (take) {
      const bool isNew = held.insert(pool.take()).second;
      CHECK(isNew);
    } else {
      auto it = held.begin();
      std::advance(it, static_cast<long>(random() % held.size()));
      pool.giveBack(*it);
      held.erase(it);
    }
    CHECK_EQUAL(pool.free() + static_cast<int>(held.size()), 40);
  }
  pool.reset();
  CHECK_EQUAL(pool.free(), 40);
}
