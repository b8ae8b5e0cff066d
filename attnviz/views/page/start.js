// Inflates the page's script and runs it; where the browser cannot, says so.
(async () => {
if (typeof DecompressionStream === "undefined") {
document.getElementById("too-old").hidden = false;
return;
}
const bytes = Uint8Array.from(atob(document.getElementById("script").textContent), (letter) => letter.charCodeAt(0));
const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
const script = document.createElement("script");
script.textContent = await new Response(inflated).text();
document.body.append(script);
})();
