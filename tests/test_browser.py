"""The browser that tests of pages use is there and sees a page as people do."""

from playwright.sync_api import Browser


def test_a_page_is_shown_and_its_script_runs(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<title>x</title><script>document.title = 'shown'</script>")
    assert page.title() == "shown"
