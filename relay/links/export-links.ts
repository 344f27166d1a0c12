import { ExportDetail } from '../../shared/store/links/export-link.ts';
import type { FileStore } from '../../shared/store/files.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import type { Link } from '../../shared/store/links/links.ts';
import { documentHeaders, formHeaders, writeDocument } from '../pages/document.ts';
import type { LinkHandler, LinkPage } from './link-handler.ts';

/**
 * Links for an export of a conversation: the page with the button says nothing of it, and the
 * browser that has used the link finds both files.
 */
export function createExportLinks(files: Pick<FileStore, 'find'>): LinkHandler {
  const detailOf = ({ detail }: Link): ExportDetail => ExportDetail.parse(parseJson(detail));
  return {
    async page() {
      return {
        html: write(`<h1>Our conversation</h1>
<p>As one page for your browser, and as Markdown. This link works once.</p>
<form method="post"><button>Show the files</button></form>`),
        headers: formHeaders,
      };
    },
    isWhole: () => true,
    async take(link) {
      const { markdown, html } = detailOf(link);
      return Boolean((await files.find(markdown)) && (await files.find(html)));
    },
    done(link): LinkPage {
      const { markdown, html } = detailOf(link);
      return {
        html: write(`<h1>Our conversation</h1>
<p><a href="/media/${encodeURIComponent(html)}" download="conversation.html">conversation.html</a>, for your browser, with the pictures</p>
<p><a href="/media/${encodeURIComponent(markdown)}" download="conversation.md">conversation.md</a>, as Markdown</p>
<p class="soft">They stay here for a day.</p>`),
        headers: documentHeaders,
      };
    },
  };
}

function write(body: string): string {
  return writeDocument({ title: 'Sidepocket', lang: 'en', about: '', body, footer: '' });
}
