import { agoText, countingText, useNow } from './duration.ts';

/** How long ago, with the moment itself on a pointer's request. */
export const Ago = ({ at }: { readonly at: number }) => {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString()}>
      {agoText(now - at)}
    </time>
  );
};

/** Counts up since a moment. */
export const Counting = ({ since }: { readonly since: number }) => {
  const now = useNow();
  return <span className="counting">{countingText(now - since)}</span>;
};
