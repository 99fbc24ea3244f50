// What the site shows beside its pages, in reading order. test/site.test.ts holds that no page is missing.

const page = (text, link) => ({ text, link });

export const sidebar = [
  {
    text: 'Start',
    items: [
      page('What it is', '/'),
      page('The tutorial', '/tutorial'),
      page('Concepts', '/concepts'),
      page('Which profile?', '/profiles'),
      page('Comparison', '/comparison'),
      page('Numbers', '/numbers'),
    ],
  },
  {
    text: 'Run',
    items: [
      page('Command line', '/cli'),
      page('Settings', '/configuration'),
      page('Operations', '/operations'),
      page('Dashboard', '/dashboard'),
      page('Errors', '/errors'),
      page('Limits', '/limits'),
    ],
  },
  {
    text: 'Embed',
    items: [
      page('Embedding a client', '/embedding'),
      page('In a page', '/examples/browser'),
      page('In a Node service', '/examples/node-service'),
      page('On a small device', '/examples/edge'),
      page('API reference', '/api/'),
    ],
  },
  {
    text: 'Attack and defend',
    items: [
      page('The red team', '/red-team'),
      page('Every attack', '/attacks'),
      page('Robustness, measured', '/robustness-results'),
      page('Verified sketches', '/verified-sketches'),
    ],
  },
  {
    text: 'Trust',
    items: [
      page('Threat model', '/threat-model'),
      page('Differential privacy', '/privacy'),
      page('Security', '/security'),
      page('The protocol', '/protocol'),
      page('Simulated worlds', '/simulation'),
    ],
  },
  {
    text: 'The project',
    items: [
      page('Contributing', '/contributing'),
      page('Dependencies', '/dependencies'),
      page('Changes', '/changelog'),
    ],
  },
];
