import { revisionProblem } from '../query-values.ts';
import { decodedPath } from '../request-info.ts';
import type { PathHandler } from '../request-pipeline.ts';
import { type Answer, plainError, type ServerRequest, unsniffed } from '../server-request.ts';
import type { DebugOptions } from './debug-options.ts';

/** `/debug/flags` and `/debug/pprof`, where --profiling is on (apiserver server/routes). */
export function debugPaths({ profiling, setVerbosity }: DebugOptions): PathHandler {
  return async ([root, what], request) => {
    if (!profiling || root !== 'debug') return undefined;
    const path = decodedPath(request.path);
    if (what === 'flags') return path === '/debug/flags/v' ? verbosity(request, setVerbosity) : html(flagsPage);
    if (path === '/debug/pprof') return redirect;
    if (!path.startsWith('/debug/pprof/')) return undefined;
    if (path === '/debug/pprof/') return { ...html(profilesPage), headers: unsniffed };
    const { profiles } = await import('./profiles.ts');
    const name = path.slice('/debug/pprof/'.length);
    const take = profiles.get(name);
    if (!take) return failed(404, 'Unknown profile');
    const seconds = Number(request.query.get('seconds') ?? defaultSeconds);
    return await profile(name, () => take(seconds > 0 ? seconds : defaultSeconds, request.signal));
  };
}

/** As Go's server has it of CPU profiles. */
const defaultSeconds = 30;

async function profile(name: string, take: () => Promise<Uint8Array | undefined>): Promise<Answer> {
  const body = await take();
  if (!body) return failed(500, `Could not enable ${name} profiling: a profile is being taken already`);
  const disposition = `attachment; filename="${name}"`;
  const headers = { 'content-type': 'application/octet-stream', 'content-disposition': disposition, ...unsniffed };
  return { type: 'document', status: 200, body, headers };
}

function failed(status: number, text: string): Answer {
  return { ...plainError(status, `${text}\n`), headers: { ...unsniffed, 'x-go-pprof': '1' } } as Answer;
}

/** klog's -v: from 4 on it is for those who look for a mistake. */
async function verbosity({ method, body }: ServerRequest, set: DebugOptions['setVerbosity']): Promise<Answer> {
  if (method !== 'PUT' || !set) return said(406, 'unsupported http method');
  const text = body.type === 'bytes' ? Buffer.from(await body.read()).toString() : '';
  const problem = revisionProblem(text);
  if (problem !== undefined) return said(400, problem);
  const why = `strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`;
  if (Number(text) >= 2 ** 31) return said(400, `failed set klog.logging.verbosity ${text}: ${why}`);
  set(Number(text));
  return said(200, `successfully set klog.logging.verbosity to ${text}`);
}

function said(status: number, text: string): Answer {
  return { type: 'text', status, text: `${text}\n`, contentType: 'text/plain', headers: unsniffed };
}

function html(text: string): Extract<Answer, { type: 'text' }> {
  return { type: 'text', status: 200, text, contentType: 'text/html; charset=utf-8' };
}

const redirect: Answer = {
  type: 'document',
  status: 302,
  body: Buffer.from('<a href="/debug/pprof/">Found</a>.\n\n'),
  headers: { 'content-type': 'text/html; charset=utf-8', location: '/debug/pprof/' },
};

const flagsPage = `<html>
<head>
<title>/debug/flags/</title>
</head>
<body>
/debug/flags/<br>
<br>
flags:<br>
<table>
<tr>v<br>
</table>
<br>
full flags configurable<br>
</body>
</html>
`;

const profilesPage = `<html>
<head>
<title>/debug/pprof/</title>
</head>
<body>
/debug/pprof/
<br>
<p>Profiles of this process' main thread, for go tool pprof. Each is taken while it is asked for: ?seconds=30</p>
<table>
<tr><td><a href='profile'>profile</a></td><td>where time goes</td></tr>
<tr><td><a href='heap'>heap</a></td><td>what was allocated meanwhile and is still used</td></tr>
<tr><td><a href='allocs'>allocs</a></td><td>all that was allocated meanwhile</td></tr>
</table>
</body>
</html>
`;
