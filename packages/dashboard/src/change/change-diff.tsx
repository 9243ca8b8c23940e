import { useLive } from '../live/use-live.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { type DiffFile, filesIn } from './diff.ts';

/** A larger file is cut: a browser must not choke on a lock file. */
const MAX_LINES = 1500;
/** From here on files start collapsed. */
const MAX_OPEN_FILES = 20;

interface ChangeDiffProps {
  readonly id: string;
  /** The diff is fetched again when the change changes state. */
  readonly revision: number;
}

export const ChangeDiff = ({ id, revision }: ChangeDiffProps) => {
  const { value: files, failure } = useLive({
    key: `${id} ${revision}`,
    read: async (client, signal) => filesIn(await client.changes.diff({ id }, { signal })),
    concerns: () => false,
  });
  if (files === undefined) return <FailureNote failure={failure} />;
  if (files.length === 0) return <p className="empty">It changes nothing.</p>;
  return files.map((file, index) => <FileDiff key={file.path} file={file} isOpen={index < MAX_OPEN_FILES} />);
};

const FileDiff = ({ file, isOpen }: { readonly file: DiffFile; readonly isOpen: boolean }) => {
  const { path, lines, added, removed } = file;
  return (
    <details className="file" open={isOpen}>
      <summary>
        <code className="told">{path}</code>
        <span className="counts">
          <span className="added">+{added}</span> <span className="removed">−{removed}</span>
        </span>
      </summary>
      <pre className="diff">
        {lines.slice(0, MAX_LINES).map(({ kind, text }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a diff have no other identity.
          <span key={index} className={`line line-${kind}`}>
            {`${text}\n`}
          </span>
        ))}
        {lines.length > MAX_LINES && <span className="line">… {lines.length - MAX_LINES} more lines</span>}
      </pre>
    </details>
  );
};
