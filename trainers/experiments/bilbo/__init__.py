"""The experiments of There and Back Again (BILBO, BAGGINS)."""
