/** What detection reads and what it finds. */

/** What a commit holds: all paths, and the text of those that decide. */
export interface RepositoryFiles {
  readonly repository: string;
  readonly paths: ReadonlySet<string>;
  readonly texts: Readonly<Record<string, string>>;
}

/** The same, with the id of every file's content. */
export interface JudgedTree extends RepositoryFiles {
  readonly ids: Readonly<Record<string, string>>;
}

export type GateKind = 'typecheck' | 'lint' | 'build' | 'test';
export interface Detected {
  readonly tool: string;
  readonly kind: GateKind;
  readonly run: string;
}
