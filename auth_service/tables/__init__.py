"""One module for each table, each function one SQL statement, and the migrations beside them."""
