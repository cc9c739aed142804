/** What the host says to a thread: run the subtask for which Java listens on this socket. */
export interface ToThread {
  readonly path: string;
}

/** What a thread says: nothing of its subtask is left, it can run the next one. */
export interface FromThread {
  readonly type: 'free';
}
