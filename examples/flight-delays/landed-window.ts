/**
 * The flights of one key that landed in the last span of time: their count, mean delay and share of late ones.
 *
 * A flight is known only once it has landed, so one still in the air is kept but not counted:
 *
 * ```
 *   landing, ascending    ┌────────── counted ──────────┬──── in the air ────┐
 *                         first                         air                  end
 *        ≤ now - span  ◄──┘                             └──► > now
 * ```
 * Plain data, so that it can be state of a keyed function, and in one array: there are some 80,000 of these windows, each flight
 * and each checkpoint goes through some of them, and what costs then is the way from object to object in memory. Times are whole
 * seconds, because integers of 32 bits take half the space of other numbers in a checkpoint.
 */
export interface LandedWindow {
  /** Landing time, seconds since 1970, and delay, minutes, of one flight after the other; `first` and `air` are places in it. */
  flights: number[];
  first: number;
  air: number;
  delaySum: number;
  lateCount: number;
}

export const lateMinutes = 15;

export function createLandedWindow(): LandedWindow {
  return { flights: [], first: 0, air: 0, delaySum: 0, lateCount: 0 };
}

/** Adds a flight that lands at `landedAt`, ms since 1970 to the nearest second. */
export function addFlight(window: LandedWindow, landedAt: number, delay: number): void {
  const { flights } = window;
  const landing = Math.round(landedAt / 1000);
  // Flights come by departure, so a new one lands after nearly all others: searching from the end is short. One that
  // claims to have landed before what is counted already is put right behind it, and counted with the next look.
  let at = flights.length;
  while (at > window.air && flights[at - 2]! > landing) at -= 2;
  if (at === flights.length) flights.push(landing, delay);
  else flights.splice(at, 0, landing, delay);
}

/** Moves the window to `nowMs`: counts what has landed, forgets what landed `spanMs` before it or earlier. */
export function moveTo(window: LandedWindow, nowMs: number, spanMs: number): void {
  const { flights } = window;
  const now = nowMs / 1000;
  const oldest = (nowMs - spanMs) / 1000;
  for (; window.air < flights.length && flights[window.air]! <= now; window.air += 2) {
    const delay = flights[window.air + 1]!;
    window.delaySum += delay;
    if (delay > lateMinutes) window.lateCount++;
  }
  for (; window.first < window.air && flights[window.first]! <= oldest; window.first += 2) {
    const delay = flights[window.first + 1]!;
    window.delaySum -= delay;
    if (delay > lateMinutes) window.lateCount--;
  }
  // What is no longer needed is in every checkpoint as well; moving what is left at each step would cost as much with the long
  // windows of airports.
  if (window.first * 8 > flights.length) {
    const left = flights.length - window.first;
    for (let i = 0; i < left; i++) flights[i] = flights[window.first + i]!;
    flights.length = left;
    window.air -= window.first;
    window.first = 0;
  }
}

export function landedCount({ air, first }: LandedWindow): number {
  return (air - first) / 2;
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
