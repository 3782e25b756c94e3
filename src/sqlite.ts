/** A durable store in one SQLite file: `mabeam/sqlite`. */
import './required-node.ts';
export {
  type Backup,
  type Compaction,
  sqliteStore,
  type SqliteStore,
  type SqliteStoreOptions,
} from './runtime/journal/stores/sqlite.ts';
