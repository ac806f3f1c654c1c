import type { EventJson } from "@perdure/protocol";

/**
 * What takes a number whose own record nobody takes, so that what follows it can go on. Without the message that it is
 * about: the session refuses it, whoever writes it, and the number is used up.
 */
export const REFUSED_BY_ALL: readonly EventJson[] = [{ messageClosed: {} }];
