"""HG5xx: errors of runs and moves."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG500",
        "failed",
        "A failure that has no code of its own; the message describes it.",
    ),
    Code(
        "HG501",
        "home failed",
        "The home reported an error, or contains something that cannot be read exactly. The "
        "message quotes its reason. Nothing was published.",
    ),
    Code(
        "HG502",
        "type seen too late",
        "A value does not fit the type that was inferred from a sample of its column. hygge then "
        "infers the types from the whole input and starts the move again, so this code appears in "
        "logs only.",
    ),
    Code(
        "HG503",
        "file changed while it was read",
        "A file of the home changed after it was listed: it was written, replaced or removed. The "
        "move is retried with a new listing.",
    ),
    Code(
        "HG504",
        "row count of the home is wrong",
        "The home reported a number of rows for an entity, and another number of rows was read. "
        "The entity changed while it was read, or it is damaged. Nothing was published; run the "
        "same command again.",
    ),
    Code(
        "HG505",
        "disk is busy",
        "The operating system reported a temporary failure: too many open files, or a network "
        "disk that does not answer. The move is retried.",
    ),
    Code(
        "HG506",
        "no entity matches",
        "A name or glob of the flow matches no entity of the home, or `exclude` excludes all of "
        "them. `hygge discover HOME` lists the entities.",
    ),
    Code(
        "HG507",
        "home cannot be reached",
        "The connection failed: the server does not answer, or it rejects the user, the "
        "password, the database or the certificate. `hygge doctor` tests the connection and "
        "reports details.",
    ),
    Code(
        "HG508",
        "value has no exact type",
        "A column contains a value that its usual type cannot represent, such as `infinity` in a "
        "date. `columns: {x: {type: string}}` reads the column as text.",
    ),
    Code(
        "HG509",
        "open transactions in the home",
        "Open transactions in the home may still add rows below the highest value of the "
        "watermark column, for example rows with sequence numbers that are not committed yet. "
        "Moving now could lose these rows. hygge waited for the transactions to end, and they did "
        "not. The move is retried; the message names the sessions.",
    ),
    Code(
        "HG511",
        "store failed",
        "The store reported an error, or cannot store a value. The message quotes its reason. "
        "What was published before is unchanged.",
    ),
    Code(
        "HG512",
        "table is in use",
        "Another run is writing the same table of the store. Wait until it has ended; the message "
        "names its process.",
    ),
    Code(
        "HG513",
        "commit claimed by an unknown run",
        "A run on another machine has claimed the next commit, and this machine cannot determine "
        "whether it is still running. Make sure that it has ended, then remove the claim that the "
        "message names.",
    ),
    Code(
        "HG514",
        "another run published first",
        "Another run has published in the meantime, so this run must not publish. Nothing of it "
        "was published; a new run continues from the newest commit.",
    ),
    Code(
        "HG515",
        "late rows may be missed",
        "The flow requires `guarantee: exactly-once`, and the home cannot determine up to which "
        "value its rows are complete. The cause is a standby server, a user who may not see open "
        "transactions, or a sequence that caches numbers for each session. Nothing was moved; the "
        "message names the cause.",
    ),
    Code(
        "HG516",
        "store cannot be reached",
        "The connection failed: the server does not answer, or it rejects the user, the "
        "password, the database or the certificate. `hygge doctor` tests the connection and "
        "reports details.",
    ),
    Code(
        "HG521",
        "move refused",
        "Moving this home into this store would lose or change something. The message says what.",
    ),
    Code(
        "HG522",
        "columns differ",
        "The columns of the home differ from those in the store in a way that the flow's "
        "`schema_contract` does not allow, or they differ from the flow's lock file. Each "
        "difference is listed. Nothing was staged. Declare the type of a column under `columns:`, "
        "or allow the change; `hygge schema lock` accepts the current columns of the home.",
    ),
    Code(
        "HG523",
        "unknown column",
        "The flow refers to a column that the home does not have, or `primary_key:` contains a "
        "column that `select:` excludes. Use the column names of the home.",
    ),
    Code(
        "HG524",
        "duplicate column name",
        "After renaming and casing, two columns would have the same name in the store. Rename one "
        "under `columns:`, or exclude one with `select:`.",
    ),
    Code(
        "HG525",
        "value does not fit",
        "A value cannot be represented exactly in the type that `columns:` requires. hygge does "
        "not round, truncate or null values; choose another type.",
    ),
    Code(
        "HG526",
        "select mixes columns to include and to exclude",
        "`select:` lists either the columns to move, or, each with a `-` in front, the columns to "
        "exclude.",
        wrong="# flows/users.yml\nselect: [id, -internal_note]\n",
        right="# flows/users.yml\nselect: [-internal_note]\n",
    ),
    Code(
        "HG527",
        "null not allowed",
        "A column contains a null, but it is part of `primary_key:`, the flow declares it "
        "`nullable: false`, or the home declares it not null. Nothing was published.",
        wrong="# flows/users.yml, whose home has users without an email\n"
        "columns:\n  email: {nullable: false}\n",
        right="# flows/users.yml\ncolumns:\n  email: {nullable: true}\n",
    ),
    Code(
        "HG528",
        "check failed",
        "A check of the flow failed for the staged rows, or the store could not run it. Nothing "
        "was published. The message names the check and the first value that fails it. `severity: "
        "warn` publishes the rows and reports a warning.",
    ),
    Code(
        "HG529",
        "cannot undo",
        "The store no longer has the rows of the previous commit: they were not kept, or there is "
        "a newer commit. The message says which.",
    ),
    Code(
        "HG530",
        "hygge's own folder is a link",
        "`.hygge` in the project, or something directly in it, is a symbolic link. hygge keeps "
        "locks, reports, the journal and quarantined rows there, and a link would make it write "
        "somewhere else. Nothing was moved. Remove the link and run again.",
    ),
    Code(
        "HG531",
        "rows read and rows staged differ",
        "The number of rows in the store differs from the number of rows that were read, so "
        "nothing was published. If it happens again, it is a bug: please report it.",
    ),
    Code(
        "HG532",
        "home is empty",
        "A replace found no rows, and `on_empty: fail` does not allow it to empty the store. "
        "Check the home; `on_empty: replace` allows it.",
    ),
    Code(
        "HG533",
        "store would shrink",
        "A replace would remove a larger share of the rows than `max_shrink` allows. Check the "
        "home; if it is right, raise `max_shrink` for one run.",
    ),
    Code(
        "HG534",
        "table was not written by this flow",
        "The place in the store contains data that hygge did not write, or that another flow "
        "wrote. hygge does not overwrite it silently: `hygge go FLOW --adopt` takes it over, "
        "`into:` writes to another place.",
    ),
    Code(
        "HG535",
        "type not supported by the store",
        "A column has a type that this store cannot represent exactly. Exclude the column, cast "
        "it under `columns:`, or use a store of another type.",
    ),
    Code(
        "HG536",
        "something depends on the table or its columns",
        "A replace would put a new table in the place of one that has grants, views, keys, "
        "indexes or similar objects, which would be lost; `replace: keep` in the store keeps the "
        "table and replaces its rows. Or a column would be changed or dropped that a view, a "
        "trigger, a key or a check needs.",
    ),
    Code(
        "HG537",
        "table is missing",
        "A table that hygge wrote no longer exists, but its commits do. Restore it, or move "
        "everything again with `--full-refresh`.",
    ),
    Code(
        "HG538",
        "flow changed since its last commit",
        "The last commit in the store does not match the flow: the watermark column or the key "
        "has changed, or rows were moved before the flow was incremental. Continuing could lose "
        "rows or move them twice, so you have to choose: `--full-refresh` moves everything again, "
        "`hygge state set` sets the value to continue from.",
        wrong="# flows/events.yml, which has moved rows by created_at\nmode: append\n"
        "incremental: updated_at\n",
        right="# flows/events.yml\nmode: append\nincremental: created_at\n",
    ),
    Code(
        "HG539",
        "column cannot be a watermark",
        "The column of `incremental` cannot determine which rows are new: its type has no "
        "increasing values, it contains nulls or values in the future, or too many rows have its "
        "highest value. The message counts these rows; the keys `nulls`, `future` and `ties` "
        "decide what happens to them.",
        wrong="# flows/events.yml\nincremental: is_open\n",
        right="# flows/events.yml\nincremental: {column: updated_at, nulls: skip}\n",
    ),
    Code(
        "HG540",
        "file system without locks",
        "A file in `.hygge`, and one in a file store, is locked so that two runs do not write "
        "to the same place. This file system does not support locks; some network disks do not. "
        "Nothing was moved. Use another disk, or mount it with locks enabled.",
    ),
    Code(
        "HG541",
        "timeout",
        "The move, including its retries, took longer than its `timeout:`. Nothing was published.",
    ),
    Code(
        "HG542",
        "stopped",
        "The run was stopped before this move was committed, or another move failed and "
        "`--fail-fast` was set. Nothing of this move was published.",
    ),
    Code(
        "HG543",
        "flow is running",
        "Another run is moving the same entity of the same flow. Wait until it has ended, or stop "
        "it.",
    ),
    Code(
        "HG544",
        "out of memory",
        "The machine does not have enough free memory for the run. Lower `memory_limit` or "
        "`concurrency` in hygge.yml.",
    ),
    Code(
        "HG545",
        "skipped",
        "A flow listed in `after:` did not complete, so this flow was not started.",
    ),
    Code(
        "HG546",
        "operating system error",
        "The operating system refused an operation that hygge needs, outside of homes and stores: "
        "a disk failed, a network disk is not available, or a file may not be read. The message "
        "quotes the reason and the path. Nothing was published.",
    ),
    Code(
        "HG547",
        "several rows with one key",
        "A merge found several rows with the same key, and cannot decide which of them to keep. "
        "If they are in the home, `dedupe_by` names the columns by which the highest row wins. If "
        "they are in the store, remove the duplicates there.",
        wrong="# flows/users.yml, whose home has two rows of id 7\nmode: merge\n"
        "primary_key: [id]\n",
        right="# flows/users.yml\nmode: merge\nprimary_key: [id]\ndedupe_by: [updated_at]\n",
    ),
    Code(
        "HG548",
        "too many bad rows",
        "`on_bad_row: quarantine` quarantines rows that fail a cast or a check, but at most "
        "`max_bad_rows` of them: more of them usually have another cause. Nothing was published.",
    ),
    Code(
        "HG549",
        "server without conditional writes",
        "In an object store a commit is an object that is written only if there is none of its "
        "name. This server overwrites the object in spite of that condition, so two runs could "
        "both publish the same commit, and rows would be lost. Use another server for the store; "
        "a home can be read from it.",
    ),
    Code(
        "HG551",
        "commit outcome unknown",
        "A commit was sent, and the connection was lost before the store confirmed it. The next "
        "run determines whether it succeeded and continues from there.",
    ),
    Code(
        "HG552",
        "verify is not possible",
        "`hygge verify` compares what the newest commit of a flow wrote with its home. Nothing was "
        "moved yet, or the store has changed too much to be compared, or another move was "
        "published meanwhile. The message says which.",
    ),
    Code(
        "HG553",
        "state cannot be set",
        "`hygge state set` sets the watermark of a flow with `incremental`. The flow has no "
        "`incremental` or has moved nothing yet, or the value does not fit the type of the column "
        "or is in the future. Nothing was changed.",
    ),
    Code(
        "HG554",
        "guarantee would be broken",
        "This move would break the `guarantee:` of the flow: a file that was moved has changed, "
        "so an append would add its rows again; or `--limit` omits rows. Nothing was moved.",
    ),
    Code(
        "HG555",
        "comparison differs for text",
        "A merge, `dedupe_by`, `unique` or a range has to compare values of a type that the store "
        'does not have. The store has them as text, and text has another order and equality: "10" '
        'is less than "9", "1.0" is not "1.00". Cast the column to a type that the store has. Or '
        "the column has a collation in the home that treats different texts as equal, such as a "
        "and A; `type: string` compares characters.",
        wrong="# flows/orders.yml, where id is numeric without precision in PostgreSQL\nmode: "
        "merge\nprimary_key: id\n",
        right="# flows/orders.yml\nmode: merge\nprimary_key: id\ncolumns: {id: {type: int64}}\n",
    ),
    Code(
        "HG556",
        "messages are gone",
        "A stream or topic no longer has messages that were not moved yet: they were deleted or "
        "expired, or the stream was deleted or created again. Nothing was published. Keep messages "
        "longer than the time between two moves. With `on_gap: continue` the home moves the "
        "messages that are there.",
    ),
    Code(
        "HG561",
        "journal of a newer hygge",
        "The journal in .hygge/ was written by a newer version of hygge. Use that version, or "
        "move the file away: it only records runs and is rebuilt from the commits.",
    ),
    Code(
        "HG575",
        "text that is not UTF-8",
        "A text column contains bytes that are not valid UTF-8, usually because they were written "
        "in another encoding. Programs that read the store would fail on them. The message names "
        "the row. Nothing was published. Fix the value, or move the column as bytes.",
        wrong="# flows/users.yml, whose home has the bytes 4a 6f 73 e9 as text\nmode: replace\n",
        right="# flows/users.yml\ncolumns: {name: {type: binary}}\n",
    ),
    Code(
        "HG576",
        "value too large",
        "A value is larger than `max_value_bytes` (default: a quarter of `memory_limit`). The "
        "limit exists because a value is copied several times in memory while it is moved. In "
        "text files the limit applies to a line. The message names the row and the column. "
        "Exclude the column, or raise `max_value_bytes` and set `memory_limit` to about six times "
        "the largest value.",
        wrong="# flows/documents.yml, whose column `scan` has values of 300 MB\nmode: replace\n",
        right="# flows/documents.yml\nmax_value_bytes: 400MB\n",
    ),
    Code(
        "HG577",
        "files that are not one table",
        "All files of an entity are read as one table. One of them has no column in common with "
        "the first (its header may be missing), exists both compressed and uncompressed, or "
        "belongs to another entity or partition. Nothing was moved.",
    ),
    Code(
        "HG578",
        "encrypted file",
        "A Parquet file is encrypted, as a whole or in some of its columns. hygge cannot read it.",
    ),
    Code(
        "HG579",
        "ambiguous file name",
        "The home's `path` has a glob next to `{entity}`, and a file's name matches two entities: "
        "`{entity}_*.csv` matches `order_items_2024.csv` for `order` and for `order_items`. "
        "Nothing was moved. Use a pattern that matches only one of them. If flows of the home "
        "name both entities, the file belongs to the longer name.",
        wrong="# homes/files.yml\ntype: csv\npath: data/{entity}_*.csv\n",
        right="# homes/files.yml\ntype: csv\npath: data/{entity}_[0-9]*.csv\n",
    ),
    Code(
        "HG580",
        "limit would remove rows",
        "`hygge go --limit N` moves only the first rows, and replacing the table with them would "
        "remove rows from the store. `--into-scratch` writes them to NAME_scratch, which each "
        "such run replaces; the published rows are unchanged.",
    ),
    Code(
        "HG585",
        "flow would produce different rows",
        "An incremental flow does not touch rows that it has already moved. Its `columns`, "
        "`select`, `column_casing`, `metadata_columns`, `where` or `query` have changed, so old "
        "and new rows would differ. Choose one: `hygge go FLOW --backfill` merges all rows of the "
        "home again, `--full-refresh` replaces all rows, `--accept-changes` keeps the old rows "
        "unchanged.",
        wrong="# flows/orders.yml, which has merged rows without this\nmode: merge\n"
        "primary_key: id\nincremental: changed\ncolumns:\n  status: {rename: state}\n",
        right="# flows/orders.yml\nmode: merge\nprimary_key: id\nincremental: changed\n",
    ),
    Code(
        "HG590",
        "internal error",
        "A bug in hygge. Please send the report file that the message names.",
    ),
)
