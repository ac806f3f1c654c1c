/** Milliseconds of the machine's clock, the same in every process on it. */
export const sharedNowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
