export function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** A text as a part of an operation's name: what may not stand there goes, and what follows is a capital (kube-openapi's ToValidOperationID). */
export function identifierOf(text: string): string {
  return text.replace(/(?:^\d|[^A-Za-z_\d])+(.?)/g, (_, next: string) => next.toUpperCase());
}

/** `rbacAuthorization`: what the operations of a group are called by. */
export function tagOf(group: string): string {
  return group === '' ? 'core' : identifierOf(group.replace(/\.k8s\.io$/, ''));
}
