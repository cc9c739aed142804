/** A member of a role group, as the application manager knows it. */
export interface NodeInfo {
  readonly role: string;
  readonly index: number;
  /** Lease epoch: the highest one speaks for the node; lower ones are fenced. */
  readonly epoch: number;
  /** host:port of its own server; '' where it has none. */
  readonly address: string;
}

/** 'worker 1' */
export function nodeName({ role, index }: Pick<NodeInfo, 'role' | 'index'>): string {
  return `${role} ${index}`;
}
