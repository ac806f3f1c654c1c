import type { BudgetStateJson, EventJson, TakeoverStateJson } from "@perdure/protocol";
import type { Level } from "../api.ts";

/** A takeover without its summary and note, unless for staff. */
export function shownTakeover(takeover: TakeoverStateJson, level: Level): TakeoverStateJson {
  if (level !== "all") return takeover;
  const { summary: _summary, note: _note, ...shown } = takeover;
  return shown;
}

/** A budget without its amounts, unless for staff. */
export function shownBudget({ currency, phase, setBy, changed, ...amounts }: BudgetStateJson, level: Level) {
  const shown: BudgetStateJson = {
    ...(currency !== undefined && { currency }),
    ...(phase !== undefined && { phase }),
    ...(setBy !== undefined && { setBy }),
    ...(changed !== undefined && { changed }),
  };
  return level === "all" ? shown : { ...shown, ...amounts };
}

/** An event as users get it; the same object where nothing of it is for staff. */
export function eventForUsers(event: EventJson): EventJson {
  const { takeoverRequested, takeoverTransferred, takeoverReleased, budgetSet, budgetWarned, budgetExhausted } = event;
  if (takeoverRequested !== undefined) {
    const { summary: _summary, ...shown } = takeoverRequested;
    return { takeoverRequested: shown };
  }
  if (takeoverTransferred !== undefined) {
    const { note: _note, ...shown } = takeoverTransferred;
    return { takeoverTransferred: shown };
  }
  if (takeoverReleased !== undefined) {
    const { note: _note, ...shown } = takeoverReleased;
    return { takeoverReleased: shown };
  }
  if (budgetSet !== undefined) return { budgetSet: currencyOf(budgetSet) };
  if (budgetWarned !== undefined) return { budgetWarned: currencyOf(budgetWarned) };
  return budgetExhausted === undefined ? event : { budgetExhausted: currencyOf(budgetExhausted) };
}

const currencyOf = ({ currency }: { readonly currency?: string }): { currency?: string } =>
  currency === undefined ? {} : { currency };
