// The stores: the archive of bars, the engine's journal, who trades an account, and the way of a tape into the archive.
export { openArchive, type SqliteArchive, type Writing } from './archive.ts'
export { type FileLock, lockFile } from './file-lock.ts'
export { importTape, type ImportProgress, type ImportReport } from './import.ts'
export { openPostgresJobs, type PostgresJobs } from './postgres-jobs.ts'
export { openJournal, type SqliteJournal } from './journal.ts'
export { takeLease } from './lease.ts'
export { StoreError, type StoreErrorCode } from './store-error.ts'
export { MONITOR_SQL } from './monitor-sql.ts'
