/*
 * Exit policy: what becomes of a strategy's orders and positions when its run stops.
 *
 *   keep      nothing is touched: what rests at the venue goes on; but for quotes, which are always withdrawn
 *   protect   what may add risk is canceled; stops, targets and closes stay with their positions
 *   cancel    every order is canceled; a bracket whose stop is gone has its position closed
 *   flatten   every order is canceled and every position closed
 */
export const EXIT_POLICIES = ['keep', 'protect', 'cancel', 'flatten'] as const
export type ExitPolicy = (typeof EXIT_POLICIES)[number]
