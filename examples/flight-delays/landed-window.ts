/**
 * The flights of one key that landed in the last span of time: their count, mean delay and share of late ones.
 *
 * A flight is known only once it has landed, so one still in the air is kept but not counted:
 *
 * ```
 *   landedAt, ascending   ┌────────── counted ──────────┬──── in the air ────┐
 *                         first                         air                  end
 *        ≤ now - span  ◄──┘                             └──► > now
 * ```
 * Plain data, so that it can be state of a keyed function.
 */
export interface LandedWindow {
  landedAt: number[];
  delays: number[];
  first: number;
  air: number;
  delaySum: number;
  lateCount: number;
}

export const lateMinutes = 15;

export function createLandedWindow(): LandedWindow {
  return { landedAt: [], delays: [], first: 0, air: 0, delaySum: 0, lateCount: 0 };
}

/** Adds a flight that lands at `landedAt` (ms). */
export function addFlight(window: LandedWindow, landedAt: number, delay: number): void {
  const { landedAt: times, delays } = window;
  // Flights come by departure, so a new one lands after nearly all others: searching from the end is short. One that
  // claims to have landed before what is counted already is put right behind it, and counted with the next look.
  let at = times.length;
  while (at > window.air && times[at - 1]! > landedAt) at--;
  if (at === times.length) {
    times.push(landedAt);
    delays.push(delay);
  } else {
    times.splice(at, 0, landedAt);
    delays.splice(at, 0, delay);
  }
}

/** Moves the window to `now` (ms): counts what has landed, forgets what landed `spanMs` ago or earlier. */
export function moveTo(window: LandedWindow, now: number, spanMs: number): void {
  const { landedAt: times, delays } = window;
  while (window.air < times.length && times[window.air]! <= now) {
    const delay = delays[window.air++]!;
    window.delaySum += delay;
    if (delay > lateMinutes) window.lateCount++;
  }
  while (window.first < window.air && times[window.first]! <= now - spanMs) {
    const delay = delays[window.first++]!;
    window.delaySum -= delay;
    if (delay > lateMinutes) window.lateCount--;
  }
  // Cutting the arrays at each step would copy them each time; half is a price of one copy per flight. What is not cut off is
  // in every checkpoint.
  if (window.first >= 8 && window.first * 2 > times.length) {
    times.splice(0, window.first);
    delays.splice(0, window.first);
    window.air -= window.first;
    window.first = 0;
  }
}

export function landedCount({ air, first }: LandedWindow): number {
  return air - first;
}

/** Minutes; 0 where nothing has landed. */
export function meanDelay(window: LandedWindow): number {
  const count = landedCount(window);
  return count === 0 ? 0 : window.delaySum / count;
}

export function lateShare(window: LandedWindow): number {
  const count = landedCount(window);
  return count === 0 ? 0 : window.lateCount / count;
}
