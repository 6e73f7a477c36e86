"""HG5xx: errors of runs and moves."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG500",
        "failed",
        "Something failed for a reason that has no code of its own; the message tells it.",
    ),
    Code(
        "HG501",
        "home failed",
        "The system that is read refused, or holds something that cannot be read exactly. The "
        "message has its own words. Nothing was published.",
    ),
    Code(
        "HG502",
        "type seen too late",
        "A value contradicts the type that a sample of its column suggested. hygge answers by "
        "reading the whole input for its types and starting the move again, so this code is "
        "seen in logs only.",
    ),
    Code(
        "HG503",
        "file changed while it was read",
        "A file of the home is no longer the one that was listed: somebody wrote, replaced or "
        "removed it in the meantime. The move is tried again with a new listing.",
    ),
    Code(
        "HG504",
        "home gave fewer or more rows than it promised",
        "The home said how many rows an entity has, and another number arrived. It changed "
        "while it was read, or is damaged. Nothing was published; run again.",
    ),
    Code(
        "HG505",
        "disk is busy",
        "The system refused for a reason that may pass: too many open files, or a network disk "
        "that does not answer. The move is tried again.",
    ),
    Code(
        "HG506",
        "no entity matches",
        "A name or glob of the flow fits no entity of the home, or `exclude` leaves all of them "
        "out. `hygge discover HOME` lists what is there.",
    ),
    Code(
        "HG507",
        "home cannot be reached",
        "The server did not let hygge in: it does not answer, or refuses the user, the password, "
        "the database or the certificate. `hygge doctor` tries it again and says more.",
    ),
    Code(
        "HG508",
        "value has no exact type",
        "A column holds a value that its usual type cannot hold, such as `infinity` in a date. "
        "`columns: {x: {type: string}}` reads the column as text.",
    ),
    Code(
        "HG509",
        "others are still writing",
        "Transactions in the home are open that may add rows below the newest value of the "
        "watermark column, such as numbers of a sequence that were taken and not committed. To "
        "move now could lose these rows, so hygge waited for them, in vain. The move is tried "
        "again; the message names the sessions.",
    ),
    Code(
        "HG511",
        "store failed",
        "The system that is written refused, or cannot hold what it was given. The message has "
        "its own words. What was published before is unchanged.",
    ),
    Code(
        "HG512",
        "place in use",
        "Another run writes the same entity of the store at this moment. Wait until it has "
        "ended; the message names its process.",
    ),
    Code(
        "HG513",
        "commit claimed by an unknown run",
        "A run on another machine has claimed the next commit, and nobody here can tell whether "
        "it still lives. Make sure that it has ended, then remove the claim that the message "
        "names.",
    ),
    Code(
        "HG514",
        "another run was first",
        "Another run has published in the meantime, so this one may not. Nothing of it was "
        "published; a new run begins from the newest commit.",
    ),
    Code(
        "HG515",
        "late rows may be missed",
        "The flow asks for `guarantee: exactly-once`, and the home cannot tell up to where it "
        "lacks no row: a standby server, a user who may not see open transactions, or a sequence "
        "of which each session takes numbers ahead. Nothing was moved; the message names the "
        "cause.",
    ),
    Code(
        "HG516",
        "store cannot be reached",
        "The server did not let hygge in: it does not answer, or refuses the user, the password, "
        "the database or the certificate. `hygge doctor` tries it again and says more.",
    ),
    Code(
        "HG521",
        "move refused",
        "Home and store work, but moving one into the other would lose or change something. "
        "The message tells what.",
    ),
    Code(
        "HG522",
        "columns differ",
        "The columns of the home differ from those in the store in a way that the flow's "
        "`schema_contract` does not allow, or from what the flow's lock file says. Each difference "
        "is listed, and nothing was staged. Declare the type of a column under `columns:`, or "
        "allow the change; `hygge schema lock` takes over what the home offers now.",
    ),
    Code(
        "HG523",
        "unknown column",
        "The flow names a column that the home does not have, or, as part of `primary_key:`, one "
        "that `select:` leaves out. Columns are named as they are called in the home.",
    ),
    Code(
        "HG524",
        "two columns of one name",
        "After renaming and casing, two columns would have one name in the store. Rename one "
        "under `columns:`, or leave one out with `select:`.",
    ),
    Code(
        "HG525",
        "value does not fit",
        "A value cannot be written exactly in the type that `columns:` asks for. Nothing is "
        "rounded, cut or made null; choose another type.",
    ),
    Code(
        "HG526",
        "select both takes and leaves out",
        "`select:` lists either the columns to move, or, each with a `-` in front, the columns "
        "to leave out.",
        wrong="# flows/users.yml\nselect: [id, -internal_note]\n",
        right="# flows/users.yml\nselect: [-internal_note]\n",
    ),
    Code(
        "HG527",
        "null where none may be",
        "A null stands in a column that is part of `primary_key:`, that the flow declares "
        "`nullable: false`, or that the home itself declares to have none. Nothing was published.",
        wrong="# flows/users.yml, whose home has users without an email\n"
        "columns:\n  email: {nullable: false}\n",
        right="# flows/users.yml\ncolumns:\n  email: {nullable: true}\n",
    ),
    Code(
        "HG528",
        "check failed",
        "A check of the flow does not hold for the rows that were staged, or the store cannot make "
        "it. Nothing was published. The message names the check and the first value against it; "
        "`severity: warn` lets the rows pass and says so.",
    ),
    Code(
        "HG529",
        "cannot undo",
        "The store does not have the rows of the commit before: they were not kept, or another "
        "commit has come since. The message says which.",
    ),
    Code(
        "HG530",
        "hygge's own folder is a link",
        "`.hygge` in the project, or something directly in it, is a symbolic link. hygge keeps "
        "locks, reports, the journal and rows that failed a check there, so a link would make it "
        "write wherever it leads. Nothing was moved. Remove the link and run again.",
    ),
    Code(
        "HG531",
        "rows read and rows staged differ",
        "The store counted another number of rows than the home gave, so nothing was published. "
        "Should it happen twice, it is a bug: please report it.",
    ),
    Code(
        "HG532",
        "home is empty",
        "A replace found no rows, and `on_empty: fail` forbids to empty the store. Look at the "
        "home; `on_empty: replace` allows it.",
    ),
    Code(
        "HG533",
        "store would shrink",
        "A replace would lose a larger share of the rows than `max_shrink` allows. Look at the "
        "home; when it is right, raise `max_shrink` for one run.",
    ),
    Code(
        "HG534",
        "place belongs to somebody else",
        "The place holds data that hygge did not write, or that another flow wrote. It is never "
        "overwritten silently: `hygge go FLOW --adopt` takes it over, `into:` goes elsewhere.",
    ),
    Code(
        "HG535",
        "store cannot hold a type",
        "A column has a type that this store cannot hold exactly. Leave the column out, cast it "
        "under `columns:`, or use a store of another type.",
    ),
    Code(
        "HG536",
        "something depends on the table or its columns",
        "A replace would put a new table in the place of one that has grants, views, keys, indexes "
        "or other things of its own; `replace: keep` in the store puts rows only. Or a column "
        "would change its type or go, though a view, a trigger, a key or a check needs it.",
    ),
    Code(
        "HG537",
        "table is gone",
        "A table that hygge wrote is not there any more, though its history is. Put it back, or "
        "move everything again with `--full-refresh`.",
    ),
    Code(
        "HG538",
        "flow is not as it was",
        "The commit in the store does not fit the flow any more: another watermark column, another "
        "key, or rows that were moved before the flow was incremental. To go on could lose rows or "
        "move them twice, so hygge asks: `--full-refresh` moves everything again, `hygge state "
        "set` says where to go on.",
        wrong="# flows/events.yml, which has moved rows by created_at\nmode: append\n"
        "incremental: updated_at\n",
        right="# flows/events.yml\nmode: append\nincremental: created_at\n",
    ),
    Code(
        "HG539",
        "watermark that cannot serve",
        "The column of `incremental` cannot tell what is new: its type does not grow, rows have no "
        "value in it or one far ahead of the clock, or too many rows share its highest value. The "
        "message counts them; `nulls`, `future` and `ties` say what becomes of them.",
        wrong="# flows/events.yml\nincremental: is_open\n",
        right="# flows/events.yml\nincremental: {column: updated_at, nulls: skip}\n",
    ),
    Code(
        "HG540",
        "file system without locks",
        "A file in `.hygge`, and one in a store of files, is locked so that two runs do not work "
        "in one place. The file system there cannot lock files, as some network disks cannot. "
        "Nothing was moved. Use another disk, or mount it with locks.",
    ),
    Code(
        "HG541",
        "timeout",
        "The move did not end within its `timeout:`, all its attempts together. Nothing was "
        "published.",
    ),
    Code(
        "HG542",
        "stopped",
        "The run was asked to stop, or another move failed and `--fail-fast` was given, before "
        "this move was committed. Nothing of it was published.",
    ),
    Code(
        "HG543",
        "flow is running",
        "Another run moves the same entity of the same flow at this moment. Wait until it has "
        "ended, or stop it.",
    ),
    Code(
        "HG544",
        "out of memory",
        "The machine has less memory free than the run needs. Lower `memory_limit` or "
        "`concurrency` in hygge.yml.",
    ),
    Code(
        "HG545",
        "skipped",
        "A flow that this one comes `after:` was not moved, so this one was not started.",
    ),
    Code(
        "HG546",
        "system refused",
        "The operating system refused something that hygge cannot do without, outside of what a "
        "home or a store does: a disk that fails, a network disk that is gone, a file that may not "
        "be read. The message has the system's reason and the path. Nothing was published.",
    ),
    Code(
        "HG547",
        "one key, several rows",
        "A merge found several rows with one key, in the rows that were read or in the store, and "
        "nothing says which of them is right. `dedupe_by` names the columns in which the highest "
        "row wins; in the store, the rows must be mended.",
        wrong="# flows/users.yml, whose home has two rows of id 7\nmode: merge\n"
        "primary_key: [id]\n",
        right="# flows/users.yml\nmode: merge\nprimary_key: [id]\ndedupe_by: [updated_at]\n",
    ),
    Code(
        "HG548",
        "too many bad rows",
        "`on_bad_row: quarantine` puts rows aside that a cast or a check refuses, but only up to "
        "`max_bad_rows`: beyond that it is likely that something else is wrong. Nothing was "
        "published.",
    ),
    Code(
        "HG551",
        "nobody knows whether the commit landed",
        "A commit was sent and its answer was lost. The next run finds out who owns the number, "
        "and goes on from there.",
    ),
    Code(
        "HG552",
        "cannot be compared",
        "`hygge verify` compares what the newest commit of a flow wrote with its home. Nothing was "
        "moved there yet, or the place has changed so much that what is left cannot be compared, "
        "or another move was published meanwhile. The message says which.",
    ),
    Code(
        "HG553",
        "cannot be set",
        "`hygge state` sets up to where a flow with `incremental` has moved. The flow has none, "
        "has moved nothing yet, or the value is none of its column, or lies ahead of the clock. "
        "Nothing was changed.",
    ),
    Code(
        "HG554",
        "guarantee would be broken",
        "The flow asks for a `guarantee:` that this move would not keep: a file that was moved has "
        "changed, so that an append would add its rows again; or `--limit` leaves rows out. "
        "Nothing was moved.",
    ),
    Code(
        "HG555",
        "text that is compared otherwise",
        "A merge, `dedupe_by`, `unique` or a range must compare values of a type that the store "
        "lacks. They are texts there, and texts have another order or equality: 10 is below 9, 1.0 "
        "is not 1.00. Cast the column to a type that the store has. Or a collation of the home "
        "takes different texts for equal, such as a and A; `type: string` compares characters.",
        wrong="# flows/orders.yml, where id is numeric without digits in PostgreSQL\n"
        "mode: merge\nprimary_key: id\n",
        right="# flows/orders.yml\nmode: merge\nprimary_key: id\ncolumns: {id: {type: int64}}\n",
    ),
    Code(
        "HG561",
        "journal of a newer hygge",
        "The journal in .hygge/ was written by a newer hygge. Use that one, or move the file "
        "away: it is a memory of runs only, and is built again from the commits.",
    ),
    Code(
        "HG575",
        "text that is not UTF-8",
        "A column of text holds bytes that are no text: the program that wrote them took another "
        "encoding for UTF-8. Programs that read the store would refuse it, so the row is named and "
        "nothing is published. Write the value again, or move the bytes as they are.",
        wrong="# flows/users.yml, whose home has the bytes 4a 6f 73 e9 as text\nmode: replace\n",
        right="# flows/users.yml\ncolumns: {name: {type: binary}}\n",
    ),
    Code(
        "HG576",
        "value too large",
        "A value is held in memory several times while it is moved, so one that is larger than "
        "`max_value_bytes` (by default a quarter of `memory_limit`) is refused by its row and "
        "column, before it is read where its size is known by then. In files of text the limit "
        "is that of a line. Leave the column out, or allow larger values and give the run about "
        "six times as much memory as the largest one.",
        wrong="# flows/documents.yml, whose column `scan` has values of 300 MB\nmode: replace\n",
        right="# flows/documents.yml\nmax_value_bytes: 400MB\n",
    ),
    Code(
        "HG577",
        "files that are not one table",
        "All files of an entity are read as one table. One of them shares no column with the "
        "first (it may lack its header), lies there packed and unpacked, or belongs to another "
        "entity or partition. Nothing was moved.",
    ),
    Code(
        "HG578",
        "encrypted file",
        "A Parquet file is encrypted as a whole or in some of its columns. Nothing of it was read.",
    ),
    Code(
        "HG579",
        "file of which entity",
        "The home's `path` has a glob beside `{entity}`, and a file's name fits the entity and a "
        "longer one: `{entity}_*.csv` fits `order_items_2024.csv` for `order` and for "
        "`order_items`. Nothing was moved. A pattern that says how names go on fits one of them; "
        "where flows of the home name both entities, the longest name has the file.",
        wrong="# homes/files.yml\ntype: csv\npath: data/{entity}_*.csv\n",
        right="# homes/files.yml\ntype: csv\npath: data/{entity}_[0-9]*.csv\n",
    ),
    Code(
        "HG580",
        "limit smaller than what stands there",
        "`hygge go --limit N` moves the first rows only, and a replace by them would leave fewer "
        "rows than the store holds. `--into-scratch` puts them into NAME_scratch, a place that "
        "every such run replaces; the published rows stay as they are.",
    ),
    Code(
        "HG585",
        "flow makes rows otherwise",
        "A flow that appends or merges what is new leaves the rows that it has moved as they are. "
        "Its `columns`, `select`, `column_casing`, `metadata_columns`, `where` or `query` say "
        "something else now, so old and new rows would differ. Choose: `hygge go FLOW --backfill` "
        "merges every row of the home again, `--full-refresh` replaces everything, and "
        "`--accept-changes` leaves the old rows as they are.",
        wrong="# flows/orders.yml, which has merged rows without this\nmode: merge\n"
        "primary_key: id\nincremental: changed\ncolumns:\n  status: {rename: state}\n",
        right="# flows/orders.yml\nmode: merge\nprimary_key: id\nincremental: changed\n",
    ),
    Code(
        "HG590",
        "internal error",
        "A bug in hygge. The report file that the message names says where; please send it.",
    ),
)
