// Trading calendars: US equities, CME futures and 24/7.
export type CalendarName = 'us-equity' | 'cme' | '24/7'
