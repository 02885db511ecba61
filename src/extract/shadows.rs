//! What the selectors of a page that nobody renders never find: shadow trees, slots, parts, states, pseudo-elements.

/// The methods of `selectors::Element` that are about those, as `scraper`'s elements answer them.
macro_rules! no_shadows {
    () => {
        fn is_html_slot_element(&self) -> bool {
            true
        }

        fn match_non_ts_pseudo_class(&self, _: &NonTSPseudoClass, _: &mut MatchingContext<'_, Simple>) -> bool {
            false
        }

        fn match_pseudo_element(&self, _: &PseudoElement, _: &mut MatchingContext<'_, Simple>) -> bool {
            false
        }

        fn parent_node_is_shadow_root(&self) -> bool {
            false
        }

        fn containing_shadow_host(&self) -> Option<Self> {
            None
        }

        fn is_pseudo_element(&self) -> bool {
            false
        }

        fn is_part(&self, _: &CssLocalName) -> bool {
            false
        }

        fn imported_part(&self, _: &CssLocalName) -> Option<CssLocalName> {
            None
        }

        fn has_custom_state(&self, _: &CssLocalName) -> bool {
            false
        }

        fn apply_selector_flags(&self, _: ElementSelectorFlags) {}

        fn add_element_unique_hashes(&self, _: &mut BloomFilter) -> bool {
            false
        }
    };
}

pub(super) use no_shadows;
