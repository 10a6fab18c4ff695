import { urlComplaint } from '../../cel/library/go-url.ts';
import type { FieldError } from '../resource-definition.ts';
import { child, invalid, required } from './field.ts';
import { dns1123Subdomain, portNumber } from './names.ts';

const form = '; desired format: https://host[/path]';

/** What is wrong with the URL of a webhook (apiserver util/webhook ValidateWebhookURL). */
export function webhookUrlErrors(text: string, path: string): FieldError[] {
  const complaint = urlComplaint(text);
  if (complaint !== undefined) return [required(path, `url must be a valid URL: ${complaint}${form}`)];
  // Go reads paths as URLs as well.
  const parts = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/is.exec(text) ?? [];
  const [, scheme = '', authority = '', query = '', fragment = ''] = parts;
  const at = authority.lastIndexOf('@');
  return [
    ...(scheme.toLowerCase() === 'https'
      ? []
      : [invalid(path, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`)]),
    ...(authority.slice(at + 1) === '' ? [invalid(path, '', `host must be specified${form}`)] : []),
    ...(at < 0 ? [] : [invalid(path, authority.slice(0, at), 'user information is not permitted in the URL')]),
    ...(fragment === '' ? [] : [invalid(path, fragment, 'fragments are not permitted in the URL')]),
    ...(query === '' ? [] : [invalid(path, query, 'query parameters are not permitted in the URL')]),
  ];
}

interface WebhookService {
  readonly name?: string;
  readonly namespace?: string;
  readonly path?: string;
  readonly port?: number;
}

/** And with the service that it is behind (ValidateWebhookService). */
export function webhookServiceErrors(
  { name, namespace, path: at, port = 443 }: WebhookService,
  path: string,
): FieldError[] {
  const wrongPort = portNumber(port);
  return [
    // Upstream takes the one for the other.
    ...(namespace ? [] : [required(child(path, 'name'))]),
    ...(name ? [] : [required(child(path, 'namespace'))]),
    ...(wrongPort.length > 0 ? [invalid(child(path, 'port'), port, `port is not valid: ${wrongPort.join(', ')}`)] : []),
    ...(!at || at === '/' ? [] : pathErrors(at, child(path, 'path'))),
  ];
}

function pathErrors(at: string, field: string): FieldError[] {
  if (at === '//') return [invalid(field, at, 'segment[0] may not be empty')];
  const steps = at.slice(1).replace(/\/$/, '').split('/');
  return [
    ...(at.startsWith('/') ? [] : [invalid(field, at, "must start with a '/'")]),
    ...steps.flatMap((step, i) =>
      step === ''
        ? [invalid(field, at, `segment[${i}] may not be empty`)]
        : dns1123Subdomain(step).map((why) => invalid(field, at, `segment[${i}]: ${why}`)),
    ),
  ];
}
