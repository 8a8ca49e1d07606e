// Book fault: why an order book shows nothing.
export const BOOK_FAULTS = ['gap', 'old-snapshot', 'crossed', 'checksum', 'overflow'] as const
export type BookFault = (typeof BOOK_FAULTS)[number]
