import type { ItemBody } from '@berth/contract';

type Tool = Extract<ItemBody, { kind: 'tool' }>;

const MARKS = { pending: '·', running: '▸', completed: '✓', failed: '✗' } as const;

/** A line; what went in and came out on request. */
export const ToolView = ({ tool }: { readonly tool: Tool }) => {
  const { title, status, input, output } = tool;
  const given = inputText(input);
  const line = (
    <>
      <span className={`mark mark-${status}`} role="img" aria-label={status}>
        {MARKS[status]}
      </span>
      <code className="told">{title}</code>
    </>
  );
  if (given === undefined && !output) return <p className="item tool">{line}</p>;
  return (
    <details className="item tool">
      <summary>{line}</summary>
      {given !== undefined && <pre>{given}</pre>}
      {output && <pre>{output}</pre>}
    </details>
  );
};

const inputText = (input: unknown): string | undefined => {
  if (input === undefined || input === null) return undefined;
  return typeof input === 'string' ? input : JSON.stringify(input, undefined, 2);
};
