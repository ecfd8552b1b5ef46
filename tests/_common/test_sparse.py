"""Sparse rows."""

import numpy as np
import pytest
from scipy import sparse

from skae._common import sparse as ours
from skae._common.sparse import as_csr, column_range, dense_blocks, values_of

X = np.array([[0.0, 2.0, 0.0], [-1.0, 0.0, 0.0]])


def test_rows_are_shared_where_nothing_is_to_do():
    rows = sparse.csr_matrix(X)
    assert np.shares_memory(as_csr(rows).data, rows.data)


def test_byte_order_and_duplicates_are_mended_in_a_copy():
    data = np.array([1.0, 2.0, 3.0], dtype=">f8")
    rows = sparse.csr_array((data, [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    mended = as_csr(rows)
    assert mended.dtype.isnative
    assert mended.toarray().tolist() == [[3, 0], [0, 3]]
    assert rows.nnz == 3


@pytest.mark.parametrize("dtype", [np.float32, np.int8, bool])
def test_ranges_hold_the_zeros(dtype):
    rows = (X != 0).astype(dtype)
    low, high = column_range(sparse.csr_array(rows))
    assert low.tolist() == [0, 0, 0]
    assert high.tolist() == [1, 1, 0]
    assert set(values_of(sparse.csr_array(rows)).tolist()) == {0, 1}
    assert values_of(rows) is rows


def test_blocks_are_of_limited_size(monkeypatch):
    monkeypatch.setattr(ours, "BLOCK_SIZE", 6)
    rows = np.arange(15.0).reshape(5, 3)
    blocks = list(dense_blocks(sparse.csr_array(rows)))
    assert [len(block) for _, block in blocks] == [2, 2, 1]
    for numbers, block in blocks:
        np.testing.assert_array_equal(block, rows[numbers])
    ((numbers, block),) = dense_blocks(rows)
    assert block is rows
    assert (numbers.start, numbers.stop) == (0, 5)
