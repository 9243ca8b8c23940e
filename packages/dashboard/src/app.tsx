/** Without a token, only the sign-in is shown; a rejected token leads back to it. */
import { LiveConnection } from './live/connection.tsx';
import { useSession } from './session/session.ts';
import { SignIn } from './session/sign-in.tsx';
import { Frame } from './shell/frame.tsx';
import { Page } from './shell/page.tsx';

export const App = () => {
  const { token, wasRefused, signIn, signOut, refuse } = useSession();
  if (token === undefined) return <SignIn wasRefused={wasRefused} onToken={signIn} />;
  return (
    <LiveConnection key={token} token={token} onRefused={refuse}>
      <Frame onSignOut={signOut}>
        <Page />
      </Frame>
    </LiveConnection>
  );
};
